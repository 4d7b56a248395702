#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# nginx with two workers on a loopback port of its own, under load by ab and wrk; what it served is compared.
set -euo pipefail

binaries() { echo /usr/sbin/nginx; }

probe() { /usr/sbin/nginx -v; }

prepare() {
    mkdir "$INPUT/files"
    cp "$TREE"/*.* "$INPUT/files"
    perl -e 'srand 5; print map { chr 97 + rand 26 } 1 .. 3_000_000' >"$INPUT/files/large.txt"
    printf 'a <!--# include virtual="/README.md" --> b <!--# echo var="arg_word" --> c\n' >"$INPUT/files/page.shtml"
}

write_configuration() { # port
    cat <<END_OF_CONFIGURATION
$( ((EUID != 0)) || echo "user root;")
daemon off;
worker_processes 2;
pid $PWD/nginx.pid;
error_log stderr;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $PWD/tmp;
    proxy_temp_path $PWD/tmp;
    fastcgi_temp_path $PWD/tmp;
    uwsgi_temp_path $PWD/tmp;
    scgi_temp_path $PWD/tmp;
    gzip on;
    gzip_types text/plain application/octet-stream;
    server {
        listen 127.0.0.1:$1;
        root $INPUT/files;
        ssi on;
        location /id { return 200 "$PWD $$"; }
        location ^~ /proxy/ { proxy_pass http://127.0.0.1:$1/; }
        location ~ ^/(.*)\.(md|txt)$ { add_header X-Name "\$1 \$2"; }
    }
}
END_OF_CONFIGURATION
}

# Starts the server on the first port found free.
start() {
    local try attempt
    for ((try = 0; try < 20; try++)); do
        port=$((20000 + RANDOM % 12000))
        write_configuration "$port" >nginx.conf
        nginx -p "$PWD" -c "$PWD/nginx.conf" >&2 &
        server=$!
        for ((attempt = 0; attempt < 100; attempt++)); do
            kill -0 "$server" 2>/dev/null || break
            [[ $(get id 2>/dev/null) != "$PWD $$" ]] || return 0
            sleep 0.1
        done
        wait "$server" || true
    done
    echo "nginx: the server does not start" >&2
    return 1
}

get() { # path [option of curl]...
    curl --silent --show-error --fail "http://127.0.0.1:$port/$1" "${@:2}"
}

# Both clients say how many answers were not what they should be.
load() {
    ab -q -k -n 20000 -c 50 "http://127.0.0.1:$port/README.md" >ab.out
    grep -E '^(Document Length|Complete requests|Failed requests|HTML transferred):' ab.out | tr -s ' '
    ab -q -n 3000 -c 20 -H 'Accept-Encoding: gzip' "http://127.0.0.1:$port/proxy/page.shtml?word=x" >ab.out
    grep -E '^(Complete requests|Failed requests):' ab.out | tr -s ' '
    wrk -t 2 -c 60 -d 3 "http://127.0.0.1:$port/proxy/README.md" >wrk.out
    grep -E 'Socket errors|Non-2xx' wrk.out || echo "wrk: no errors"
}

print_answers() {
    local path
    for path in large.txt proxy/large.txt README.md proxy/README.md 'page.shtml?word=hello'; do
        get "$path" | sha256sum
        get "$path" --compressed | sha256sum
    done
    get large.txt --range 100000-2000000 | sha256sum
    get proxy/README.md --head | grep -E '^(HTTP|Content|X-)'
    get absent --no-fail --output absent --write-out '%{http_code}\n'
}

work() {
    start
    trap 'kill "$server" && wait "$server"' EXIT
    print_answers
    load
    kill -HUP "$server" # new workers, the old ones end
    sleep 1
    load
    print_answers
    kill -QUIT "$server"
    trap - EXIT
    wait "$server"
}

"$@"
