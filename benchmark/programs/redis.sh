#!/bin/sh
# SPDX-License-Identifier: MIT
# Sends a load to a Redis server, on a socket in this directory and without persistence; prints the seconds that takes.
# The server alone keeps the preloaded library.
set -eu

load=$1

redis-server --port 0 --unixsocket "$PWD/socket" --save '' --appendonly no >log 2>&1 &
server=$!
unset LD_PRELOAD
trap 'kill "$server" 2>/dev/null || true' EXIT
attempts=100
until redis-cli -s socket ping >ping 2>&1; do
    attempts=$((attempts - 1))
    [ "$attempts" -gt 0 ] || { cat log >&2 && exit 1; }
    sleep 0.05
done
start=$(date +%s%N)
redis-cli -s socket --pipe <"$load" | grep 'errors: 0'
end=$(date +%s%N)
echo "$start $end" | awk '{ printf "load: %.4f s\n", ($2 - $1) / 1e9 }'
redis-cli -s socket shutdown nosave
trap - EXIT
wait "$server"
