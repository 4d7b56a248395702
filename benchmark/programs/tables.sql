-- SPDX-License-Identifier: MIT
-- A table with two indexes, queries that sort and group, JSON, changes.
create table item(id integer primary key, key text, amount integer, body text);
with recursive n(i, x) as (
    select 1, 17 union all select i + 1, (x * 1103515245 + 12345) & 2147483647 from n limit 60000)
    insert into item
    select i, printf('%08x', x), x % 1000, substr(hex(x) || hex(x * 7) || hex(x * 13), 1, 5 + x % 60) from n;
create index item_key on item(key);
create index item_amount on item(amount, body);
select count(*), sum(amount), min(key), max(key) from item;
select count(*) from (select amount, group_concat(substr(key, 1, 2), '') from item group by amount order by 2);
select count(*) from item a join item b on a.amount = b.amount and a.id < b.id and b.id < a.id + 2000;
select count(*) from (select sum(amount) over (partition by amount % 10 order by key rows 5 preceding) from item);
select sum(json_extract(json_object('a', json_array(id, key), 'b', body), '$.a[0]')) from item;
update item set body = body || key where amount % 3 = 0;
delete from item where amount % 7 = 0;
select count(*) from (select * from item order by body);
