#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Checks both builds of word_index against a small directory whose words are known, and against each other.
set -euo pipefail
export LC_ALL=C

programs=("$1" "$2")
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

fail() {
    printf 'FAILED: %s\n' "$1" >&2
    exit 1
}

expect_line() { # output line
    grep -qxF -- "$2" <<<"$1" || fail "no line '$2' in:"$'\n'"$1"
}

expect_refusal() { # program status message argument...
    local program=$1 status=$2 message=$3 got=0 output
    shift 3
    output=$("$program" "$@" 2>&1) || got=$?
    [[ $got == "$status" ]] || fail "status $got, not $status, for: $*"
    [[ $output == *"$message"* ]] || fail "no '$message' for: $*"
}

input=$directory/input
mkdir -p "$input/below/deeper" "$input/.hidden"
printf 'One two, TWO; three three Three\nfour_4 and one\n' >"$input/plain.txt"
printf 'three\n\n\nthree without end of line: last' >"$input/below/deeper/other.txt"
printf 'seen\0never' >"$input/binary"
printf 'packed' | gzip -n >"$input/packed.gz"
printf 'hidden' >"$input/.hidden/file"
: >"$input/empty"
ln -s plain.txt "$input/link"
# Words lie across the ends of chunks, and the arrays of lines grow far.
for ((i = 0; i < 40000; i++)); do printf 'line %d of many\n' "$i"; done >"$input/below/long.txt"

for program in "${programs[@]}"; do
    output=$("$program" --find Three --find absent "$input")
    expect_line "$output" "           4 files indexed"
    expect_line "$output" "           2 binary files skipped"
    expect_line "$output" "           0 unreadable"
    expect_line "$output" "      160016 words"
    expect_line "$output" "       40011 distinct words"
    expect_line "$output" "       40014 postings"
    expect_line "$output" "       40001 of"
    expect_line "$output" "three: 5 times in 2 files"
    expect_line "$output" "           3 $input/plain.txt: line 1"
    expect_line "$output" "           2 $input/below/deeper/other.txt: lines 1 4"
    expect_line "$output" "absent: not found"

    output=$("$program" --repeat 3 --threads 7 "$input")
    expect_line "$output" "          12 files indexed"
    expect_line "$output" "       40011 distinct words"
    expect_line "$output" "      120042 postings"

    output=$("$program" /proc/self/mem) # it can be opened, not read
    expect_line "$output" "           1 unreadable"

    output=$("$program" "$input/empty")
    expect_line "$output" "           0 words"

    expect_refusal "$program" 2 "no path given"
    expect_refusal "$program" 2 "--threads needs a number" --threads 0 "$input"
    expect_refusal "$program" 2 "--repeat needs a number" --repeat many "$input"
    expect_refusal "$program" 2 "not one word" --find 'two words' "$input"
    expect_refusal "$program" 2 "option" --unknown "$input"
    expect_refusal "$program" 1 "No such file or directory" "$directory/absent"
done

documents=/usr/share/common-licenses
for threads in 1 2 4 16; do
    paths=("$input" "$(dirname "$0")/..")
    [[ -d $documents ]] && paths+=("$documents")
    for number in 0 1; do
        "${programs[number]}" --threads "$threads" --repeat 2 --find the "${paths[@]}" >"$directory/output.$number"
    done
    cmp "$directory/output.0" "$directory/output.1" || fail "the answers differ with $threads threads"
done
