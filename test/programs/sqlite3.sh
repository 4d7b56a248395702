#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# SQLite: tables, indexes, queries with large sorts, full-text search, JSON, vacuum, check.
set -euo pipefail

binaries() { echo /usr/bin/sqlite3; }

probe() { /usr/bin/sqlite3 :memory: 'select 1'; }

prepare() {
    cat >"$INPUT/build.sql" <<'END_OF_SQL'
pragma cache_size = -64000;
create table item(id integer primary key, key text, amount integer, body text);
with recursive n(i, x) as (select 1, 17 union all select i + 1, (x * 1103515245 + 12345) & 2147483647 from n limit 300000)
    insert into item select i, printf('%08x', x), x % 1000, substr(hex(x) || hex(x * 7) || hex(x * 13), 1, 5 + x % 60) from n;
create index item_key on item(key);
create index item_amount on item(amount, body);
create virtual table words using fts5(body);
insert into words select printf('w%d w%d w%d', id % 97, amount, id % 1009) from item where id <= 60000;
END_OF_SQL
    cat >"$INPUT/query.sql" <<'END_OF_SQL'
select count(*), sum(amount), min(key), max(key) from item;
select amount, count(*), group_concat(substr(key, 1, 2), '') from item where id % 50 = 0 group by amount order by amount;
select a.key, b.key from item a join item b on a.amount = b.amount and a.id < b.id and b.id < a.id + 300
    where a.id < 30000 order by a.body, b.body, a.id, b.id limit 5000;
select id, sum(amount) over (partition by amount % 10 order by key rows 5 preceding) from item order by body, id limit 20000;
select count(*) from words where words match 'w5 AND w17';
select count(*), sum(json_extract(json_object('a', json_array(id, key), 'b', body), '$.a[0]')) from item;
select hex(md) from (select substr(group_concat(body, ''), 500000, 64) as md from item);
update item set body = body || key where amount % 3 = 0;
delete from item where amount % 7 = 0;
vacuum;
pragma integrity_check;
END_OF_SQL
}

work() {
    sqlite3 file.db <"$INPUT/build.sql"
    sqlite3 file.db <"$INPUT/query.sql"
    sqlite3 file.db .dump | sha256sum
    sqlite3 :memory: ".read $INPUT/build.sql" ".read $INPUT/query.sql" | sha256sum
}

"$@"
