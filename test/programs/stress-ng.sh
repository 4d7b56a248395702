#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# stress-ng: the stressors that live on malloc, each for a fixed number of rounds and with its own checks.
set -euo pipefail

binaries() { echo /usr/bin/stress-ng; }

probe() { /usr/bin/stress-ng --version; }

prepare() { :; }

# Prints the rounds that the stressor did and how it ended.
stress() { # stressor rounds [option]...
    local stressor=$1 rounds=$2 status=0
    stress-ng "--$stressor" 1 "--$stressor-ops" "$rounds" "${@:3}" --verify --no-rand-seed --temp-path "$TMPDIR" \
        --timeout 100 --metrics-brief >"$stressor.log" 2>&1 || status=$?
    cat "$stressor.log" >&2
    awk -v stressor="$stressor" -v status="$status" '
        $2 == "metrc:" && $4 == stressor && $5 ~ /^[0-9]+$/ { rounds = $5 }
        $2 == "fail:" { failures++ }
        END { print stressor, rounds " rounds", failures + 0 " failures", "status " status }' "$stressor.log"
}

work() {
    stress malloc 60000 --malloc-bytes 64K --malloc-max 8000 --malloc-pthreads 3 --malloc-touch
    stress malloc 30000 --malloc-bytes 2M --malloc-max 1000
    stress malloc 50000 --malloc-bytes 4K --malloc-max 100000 --malloc-zerofree
    stress bigheap 10000 --bigheap-growth 64K
    stress tree 1 --tree-size 50000
    stress tsearch 4
    stress skiplist 200
    stress hsearch 50
    stress judy 5
    stress list 20
    stress qsort 2
    stress matrix 300
    stress fork 500
    stress pthread 2000
    stress dynlib 200
}

"$@"
