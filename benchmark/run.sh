#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# benchmark/run.sh BUILD_DIR [--rounds=N] [--filter=RE] [--out=DIR]
# Compares hakmem with the system's malloc; see benchmark/README.md.
set -euo pipefail

if [[ $# -eq 0 || $1 == -* ]]; then
    echo "usage: $0 BUILD_DIR [--rounds=N] [--filter=RE] [--out=DIR]" >&2
    exit 2
fi
program=$1/benchmark/hakmem_benchmark
if [[ ! -x $program ]]; then
    echo "$0: $program is missing: configure with -DHAKMEM_BUILD_BENCHMARKS=ON and build it" >&2
    exit 1
fi
exec python3 "$(dirname "$0")/compare.py" --program="$program" --out="$1/benchmark/results" "${@:2}"
