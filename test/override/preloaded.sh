#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs a command with the library preloaded and its address space limited; it must say nothing on standard error.
# Arguments: the library, KiB of address space, the command.
set -euo pipefail
library=$1
kib=$2
shift 2

message=$( (ulimit -v "$kib" && exec env LD_PRELOAD="$library" "$@") 2>&1 >/dev/null) || {
    echo "$* gives $? with $kib KiB: $message" >&2
    exit 1
}
[[ -z $message ]] || {
    echo "$* says with $kib KiB: $message" >&2
    exit 1
}
