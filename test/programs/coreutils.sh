#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The GNU core utilities over large files and a deep folder.
set -euo pipefail

binaries() { printf '/usr/bin/%s\n' tac join uniq ls split md5sum; }

probe() {
    /usr/bin/tac /dev/null
    /usr/bin/join /dev/null /dev/null
    /usr/bin/uniq /dev/null
    /usr/bin/ls -l "$INPUT"
    /usr/bin/split /dev/null
    /usr/bin/md5sum /dev/null
}

prepare() {
    perl -e 'srand 2; printf "%d\t%s\t%x\n", rand 3e5, join(" ", map { int rand 999 } 1 .. 9), rand 2**40 for 1 .. 6e5' \
        >"$INPUT/table"
    cp -R /usr/include "$INPUT/folder"
    head -c 30000000 /dev/zero | tr '\0' 'l' >"$INPUT/one_line"
}

work() {
    wc "$INPUT/table" "$INPUT/one_line" | tr -s ' ' | cut -d ' ' -f 2-4
    tac "$INPUT/table" | md5sum
    tac "$INPUT/one_line" | sha1sum
    cut -f 1,3 "$INPUT/table" | sort -k1,1 >left
    cut -f 1,2 "$INPUT/table" | shuf --random-source="$INPUT/table" | sort -k1,1 -s >right
    join left right | sha256sum
    cut -d ' ' -f 1 left | uniq -c | sort -n | md5sum
    comm <(cut -f 1 left) <(cut -f 1 right) | b2sum
    paste left right | expand | fold -w 40 | fmt -w 60 | nl | tail -n 1000 | cksum
    pr -3 "$INPUT/table" | sed '/^[0-9-]* [0-9:]* .*Page/d' | md5sum # its headings hold the time
    tr '0-9' 'a-j' <"$INPUT/table" | tr -d '\t' | tr -s 'a' | sha512sum
    od -A x -t x1z -v "$INPUT/one_line" | tail -n 3
    base64 "$INPUT/table" | base64 -d | cmp - "$INPUT/table"
    split -n l/50 -d -a 3 "$INPUT/table" part.
    md5sum part.*
    csplit -q -n 3 "$INPUT/table" 10000 '{20}'
    sha1sum xx*
    seq 1000000000 1000003000 | factor | md5sum
    cut -f 1 "$INPUT/table" | numfmt --to=iec | md5sum
    # shellcheck disable=SC2012 # the listing itself is compared
    ls -lR --time-style=+ "$INPUT/folder" | md5sum
    cp -R "$INPUT/folder" folder
    du -a --apparent-size folder | sort -k2 | md5sum
    ptx "$TREE/README.md" | md5sum
    rm -r folder
}

"$@"
