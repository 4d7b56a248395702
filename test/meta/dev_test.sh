#!/bin/bash
# SPDX-License-Identifier: MIT
# ./dev explains itself from any folder, and refuses what it does not know. Argument: the root of the tree.
set -euo pipefail
root=$1
cd /

fail() {
    echo "dev_test: $1" >&2
    exit 1
}

help=$("$root/dev" help)
for command in $(sed -n 's/^dev_\([a-z]*\)() {$/\1/p' "$root/dev"); do
    grep -q "^  $command " <<<"$help" || fail "./dev help does not name $command"
done

for arguments in "" "nonsense"; do
    result=0
    # shellcheck disable=SC2086 # no argument at all is one of the cases
    message=$("$root/dev" $arguments 2>&1 >/dev/null) || result=$?
    ((result == 2)) || fail "./dev $arguments gives $result instead of 2"
    [[ $message == *"usage: ./dev"* ]] || fail "./dev $arguments does not print the usage"
done
