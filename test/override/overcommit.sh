#!/bin/bash
# SPDX-License-Identifier: MIT
# Programs run where the system promises no more memory than it has (vm.overcommit_memory=2). That is the setting of the
# whole machine, so it is changed, and put back, only if HAKMEM_TEST_SYSCTL=1; where it is so already, nothing is changed.
# Arguments: the library, the program of little_memory.c.
set -euo pipefail
library=$1
program=$2
setting=/proc/sys/vm/overcommit_memory
before=$(<"$setting")

if [[ $before != 2 ]]; then
    [[ ${HAKMEM_TEST_SYSCTL:-} == 1 ]] || {
        echo "skipped: vm.overcommit_memory is $before, and HAKMEM_TEST_SYSCTL=1 does not allow to change it"
        exit 0
    }
    trap 'echo "$before" >"$setting"' EXIT
    echo 2 >"$setting"
fi
env LD_PRELOAD="$library" "$program" data
env LD_PRELOAD="$library" ls / >/dev/null
