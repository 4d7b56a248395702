#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Redis on a loopback port of its own, without persistence: a fixed load, its digest, then redis-benchmark.
set -euo pipefail

binaries() { printf '%s\n' /usr/bin/redis-server /usr/bin/redis-cli; }

probe() {
    /usr/bin/redis-server --version
    /usr/bin/redis-cli --version
}

prepare() {
    perl -e '
        srand 4;
        sub command { print "*", scalar @_, "\r\n"; print "\$", length, "\r\n$_\r\n" for @_ }
        for my $i (1 .. 150_000) {
            my $key = int rand 5000;
            command("SET", "string:$key", "v" x rand 300);
            command("APPEND", "string:$key", "a" x rand 100);
            command("HSET", "hash:" . $key % 500, "field:" . int rand 200, "h" x rand 100);
            command("ZADD", "sorted:" . $key % 50, int rand 1e6, "member:$key");
            command("RPUSH", "list:" . $key % 100, "l" x rand 80);
            command("LPOP", "list:" . int rand 100) if $i % 3 == 0;
            command("SADD", "set:" . $key % 40, int rand 1e5);
            command("DEL", "string:" . int rand 5000) if $i % 2 == 0;
        }' >"$INPUT/load"
}

# Starts the server on the first port found free; its log goes to standard error.
start() {
    local try attempt
    for ((try = 0; try < 20; try++)); do
        port=$((20000 + RANDOM % 12000))
        redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --enable-debug-command local \
            --dir "$PWD" --io-threads 2 --lazyfree-lazy-user-del yes >&2 &
        server=$!
        for ((attempt = 0; attempt < 100; attempt++)); do
            kill -0 "$server" 2>/dev/null || break
            [[ $(ask INFO server 2>/dev/null) != *"process_id:$server"* ]] || return 0
            sleep 0.1
        done
        wait "$server" || true
    done
    echo "redis: the server does not start" >&2
    return 1
}

ask() {
    redis-cli -p "$port" "$@"
}

work() {
    start
    trap 'kill "$server" && wait "$server"' EXIT
    ask --pipe <"$INPUT/load" | tail -n 1
    ask DBSIZE
    ask DEBUG DIGEST
    ask EVAL 'local t = {} for i = 1, 100000 do t[i] = redis.sha1hex(tostring(i)) end return redis.sha1hex(table.concat(t))' 0
    ask SORT list:7 ALPHA | sha256sum
    ask SUNIONSTORE union set:1 set:2 set:3 set:4
    ask HGETALL hash:17 | sort | sha256sum
    ask DEBUG RELOAD
    ask DEBUG DIGEST
    ask FLUSHALL ASYNC
    redis-benchmark -p "$port" -c 50 -n 40000 -P 8 -d 400 --threads 2 -t set,get,incr,lpush,rpush,lpop,sadd,hset,mset --csv |
        cut -d , -f 1
    ask STRLEN key:__rand_int__
    ask GET counter:__rand_int__
    ask LLEN mylist
    ask MEMORY PURGE
    ask SHUTDOWN NOSAVE
    trap - EXIT
    wait "$server"
}

"$@"
