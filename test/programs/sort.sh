#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# GNU sort: threads in one large buffer, merging of temporary files, locale-free keys.
set -euo pipefail

binaries() { echo /usr/bin/sort; }

probe() { /usr/bin/sort --parallel=2 /dev/null; }

prepare() {
    perl -e 'srand 1; printf "%07d %08x %s\n", rand 1e7, rand 2**32, "w" x rand 90 for 1 .. 1_800_000' >"$INPUT/lines"
    (($(stat -c %s "$INPUT/lines") > 100 * 1024 * 1024))
}

work() {
    sort --parallel=4 -S 400M "$INPUT/lines" | sha256sum
    sort --parallel=4 -S 8M --compress-program=gzip -k2,2r "$INPUT/lines" | sha256sum
    sort --parallel=4 -S 200M -u -k1,1n "$INPUT/lines" | sha256sum
    split -n l/8 "$INPUT/lines" part.
    for part in part.*; do sort -o "$part" "$part"; done
    sort -m part.* | sha256sum
}

"$@"
