#!/bin/bash
# SPDX-License-Identifier: MIT
# Explores the models exhaustively with Spin; README.md says what they are.
#   run.sh            all runs, one line each, and the counterexample of the protocol that was not taken
#   run.sh -t [word]  with every counterexample; with a word, only the runs whose line names it
set -u
cd "$(dirname "$0")" || exit 2
all_traces=false
[ "${1:-}" = -t ] && all_traces=true && shift
wanted=${1:-}
for tool in spin gcc; do
    command -v "$tool" >/dev/null || { echo "models: $tool is needed and was not found" >&2; exit 2; }
done
work=$(mktemp -d) || exit 2
set -m # each run is a process group, which ends with this script
trap 'jobs -p | sed "s/^/-/" | xargs -r kill -- 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
models=$PWD
cd "$work" || exit 2

passed=0
failed=0
started=0
told=0

# As many runs at once as there are processors and memory for.
readonly kib_of_a_run=3000000
most=$(awk -v each=$kib_of_a_run '/^MemAvailable/ {print int($2 / each)}' /proc/meminfo)
processors=$(nproc)
most=$((most > processors ? processors : most))

# Prints what has ended, in the order of the start.
tell() {
    while [ -f "$((told + 1))/verdict" ]; do
        told=$((told + 1))
        cat "$told/told"
        eval "$(cat "$told/verdict")"
    done
}

# start <holds|fails> <model> <what>...
start() {
    case "$2, $3" in *"$wanted"*) ;; *) return ;; esac
    while [ "$(jobs -rp | wc -l)" -ge "$((most > 1 ? most : 1))" ]; do
        wait -n
        tell
    done
    started=$((started + 1))
    mkdir "$started" && (cd "$started" && cp "$models"/*.pml . && "$@" >told; mv counted verdict) &
}

# explore <model> <definitions> <compiler flags> <verifier flags>; leaves the verifier's words in pan.out.
explore() {
    rm -f ./*.trail pan
    # The lists of definitions and flags are meant to split.
    # shellcheck disable=SC2086
    spin $2 -a "$1.pml" >pan.out 2>&1 && gcc -O2 -w -DMEMLIM=4000 $3 -o pan pan.c >>pan.out 2>&1 &&
        ./pan -m6000000 $4 >>pan.out 2>&1
}

verdict() { # <passed|failed> <text>
    echo "$1=\$(($1 + 1))" >counted
    echo "model $2"
    [ "$1" = passed ] || { grep -v '^unreached' pan.out | head -20 | sed 's/^/    /'; trace "$model" "$definitions"; }
}

trace() { # <model> <definitions>
    [ -f "$1.pml.trail" ] || return
    # shellcheck disable=SC2086
    spin $2 -t -B -T "$1.pml" | grep -v -e '^spin: text of' -e '^spin: trail ends' |
        sed -e 's/^spin: .*, Error:/>>/' -e 's/^/    /'
}

holds() { # <model> <what> <definitions> [compiler flags] [verifier flags]
    model=$1 definitions=$3
    explore "$1" "$3" "${4:--DSAFETY}" "${5:-}"
    local states
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.out)
    if grep -q 'errors: 0' pan.out &&
        ! grep -qi -e 'max search depth' -e 'not completed' -e 'out of memory' pan.out; then
        verdict passed "$1, $2: $states states, no error"
    else
        verdict failed "$1, $2: FAILED"
    fi
}

# Breadth first, so that the counterexample is a shortest one. The assertion must be the one that the fault is known by.
fails() { # <model> <what> <definitions> <part of the violated assertion> <what it means> [show]
    model=$1 definitions=$3
    explore "$1" "$3" "-DSAFETY -DBFS" ""
    if grep 'assertion violated' pan.out | grep -qF -e "$4"; then
        verdict passed "$1, $2: fails as it must: assertion \"$5\""
        { $all_traces || [ "${6:-}" = show ]; } && trace "$1" "$3"
    else
        verdict failed "$1, $2: DOES NOT FAIL AS IT MUST"
    fi
}

released="no freer is going to touch a released record"
listed="a slab with remote bits is on exactly one list, once"

two_slabs="-DSLABS=2 -DBLOCKS=2 -DWORD_BLOCKS=1"
start holds remote_free "3 blocks" ""
start holds remote_free "every block comes home" "-DPROGRESS" "-DNFAIR=3" "-a -f"
start holds remote_free "3 freers, 4 blocks" "-DFREERS=3 -DSLABS=1 -DBLOCKS=4 -DWORD_BLOCKS=2"
start holds remote_free "2 slabs of 2 blocks" "$two_slabs"
start holds remote_free "3 freers, 2 slabs of 2 blocks" "-DFREERS=3 $two_slabs"
start fails remote_free "all words collected, named or not" "$two_slabs -DBROKEN_ALL_WORDS_COLLECTED" "awaited[" \
    "$released"
start fails remote_free "summary cleared after the words" "$two_slabs -DBROKEN_SUMMARY_CLEARED_LATE" \
    "summary[s]==" "exactly the words that are not zero are named"
start fails remote_free "next read after the summary" "$two_slabs -DBROKEN_NEXT_READ_LATE" "listed" "$listed"
start fails remote_free "word read and stored, not exchanged" "-DBROKEN_WORD_STORED" "carved[s]" \
    "each block is in exactly one place"

one_slab="-DSLABS=1 -DBLOCKS=2 -DWORD_BLOCKS=1"
start holds handover "1 slab of 2 blocks, all comes home" "$one_slab -DCLOSING"
start holds handover "2 workers, 1 slab of 2 blocks" "$one_slab -DWORKERS=2"
start holds handover "2 slabs" "-DPENDING_LIMIT=2"
start holds handover "1 slab of 2 blocks, stacks stay, all comes home" "$one_slab -DCLOSING -DSTACKS"
start holds handover "2 workers, 1 slab of 2 blocks, stacks stay" "$one_slab -DWORKERS=2 -DSTACKS"
start fails handover "foreign slab collected" "$one_slab -DBROKEN_FOREIGN_SLAB_COLLECTED" "owner_of[s]==h" \
    "only the holder of its heap writes a slab's local bitmap"
start fails handover "idle mark stored, not compared" "$one_slab -DBROKEN_IDLE_MARK_STORED" "listed" "$listed"
start fails handover "slab taken that a stack holds blocks of" "$one_slab -DSTACKS -DBROKEN_STACKED_SLAB_TAKEN" \
    "owner_of[0]==" "who pops or flushes a block holds its slab's heap"
start fails handover "heap visited in its slow work" "$one_slab -DWORKERS=2 -DBROKEN_BUSY_HEAP_VISITED" "visiting" \
    "nobody else is at work on the heap"
start fails handover "idle heap visited" "$one_slab -DWORKERS=2 -DBROKEN_IDLE_HEAP_VISITED" "linked[" \
    "an idle heap has its mark"
start fails handover "slab size read after the push" "$one_slab -DBROKEN_RECORD_READ_AFTER_PUSH" "awaited[" "$released"

start holds visit "2 visitors" ""
start fails visit "no barrier" "-DBROKEN_NO_BARRIER" "at_work" "nobody else is at work on the heap"
start fails visit "not asked again" "-DBROKEN_NOT_ASKED_AGAIN" "at_work" "nobody else is at work on the heap"

start fails pending_flag "as it is" "" "awaited[" "$released" show
start fails pending_flag "records may be touched late" "-DRELEASED_RECORD_MAY_BE_TOUCHED" "next[s]" "$listed" show
start fails pending_flag "flag cleared after the words" "-DFLAG_CLEARED_LATE -DRELEASED_RECORD_MAY_BE_TOUCHED" \
    "remote[s]" "$listed"

wait
tell
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ] && [ "$told" -eq "$started" ]
