#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# CPython's own suites, each object a block of malloc's (PYTHONMALLOC=malloc); the outcome of every test is compared.
set -euo pipefail

suites=(json re threading pickle gc multiprocessing_fork multiprocessing_spawn multiprocessing_forkserver subprocess
    ctypes)

binaries() { echo /usr/bin/python3.11; }

probe() { /usr/bin/python3.11 -c ''; }

prepare() { :; }

print_outcomes() {
    env -u LD_PRELOAD /usr/bin/python3.11 - "$1" <<'END_OF_PYTHON'
import sys
from xml.etree import ElementTree

for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
    outcomes = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
    print(case.get("classname", ""), case.get("name"), case.get("result"), *outcomes)
END_OF_PYTHON
}

# Tests may fail for reasons of the machine, so the status is an outcome like the others.
work() {
    local status=0
    PYTHONMALLOC=malloc PYTHONHASHSEED=0 /usr/bin/python3.11 -m test -j2 --timeout 300 --tempdir "$PWD/tmp" \
        --junit-xml "$PWD/results.xml" "${suites[@]/#/test_}" >&2 || status=$?
    echo "status $status"
    print_outcomes results.xml | sort
}

"$@"
