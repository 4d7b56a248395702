#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs real programs over the system's malloc and over a preloaded library, and compares what they do; see README.md.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
readonly here root
readonly limit_s=900
readonly differs="the output differs"
readonly flaky=(cpython) # their own tests depend on timing: a difference must show twice to count

usage() {
    cat <<'END_OF_USAGE'
usage: run.sh LIBRARY [NAME]...

Runs the programs named, or all, once as they are and once with LIBRARY preloaded. Prints a line for each: the times
and the peak memory of the largest process, system / LIBRARY. The status is 0 if LIBRARY changed no result.
END_OF_USAGE
}

fail() { # status message
    printf 'programs: %s\n' "$2" >&2
    exit "$1"
}

all=()
for file in "$here"/*.sh; do
    [[ $file == "$here/run.sh" ]] || all+=("$(basename "$file" .sh)")
done

is_among() { # word list...
    local word=$1 other
    shift
    for other in "$@"; do
        [[ $word != "$other" ]] || return 0
    done
    return 1
}

(($# > 0)) || { usage >&2 && exit 2; }
[[ $1 != --help && $1 != -h ]] || { usage && exit 0; }
[[ -f $1 ]] || fail 2 "there is no library $1; give the path of a shared library that defines malloc"
library=$(realpath "$1")
[[ $library != *[[:space:]:]* ]] || fail 2 "LD_PRELOAD cannot name a path with a blank or a colon: $library"
shift
for name in "$@"; do
    is_among "$name" "${all[@]}" || fail 2 "there is no program '$name'; there are: ${all[*]}"
done
chosen=("$@")
(($# > 0)) || chosen=("${all[@]}")
[[ -x /usr/bin/time ]] || fail 2 "GNU time is needed: install the package time"

# What a program sees of its surroundings is the same everywhere, and both runs see the same.
unset LD_PRELOAD LD_LIBRARY_PATH LD_DEBUG LD_DEBUG_OUTPUT MAKEFLAGS CC CXX CFLAGS CXXFLAGS LDFLAGS
export LC_ALL=C TZ=UTC PATH=/usr/sbin:/usr/bin:/sbin:/bin

scratch=$(realpath "$(mktemp -d -t hakmem.XXXXXX)")
child=
failed=()

# `timeout` leads a process group of its own, and passes a TERM on to all of it.
stop() {
    [[ -z $child ]] || { kill "$child" 2>/dev/null && wait "$child"; } || true
    rm -rf "$scratch"
    exit 130
}
trap stop INT TERM

# A copy of the source tree without what is built, as someone may be editing it.
copy_tree() { # destination
    local path
    mkdir "$1"
    for path in "$root"/*; do
        [[ -e $path/CMakeCache.txt || $(basename "$path") == build ]] || cp -R "$path" "$1"
    done
}

# Calls one function of the program's file in the folder $place/work, which must not exist, and renames that folder, so
# that each run has the same path. Leaves <label>.out, .err, .status and .usage (seconds and KiB).
call() { # name function label [variable=value]...
    local name=$1 function=$2 label=$3 status=0
    shift 3
    mkdir -p "$place/work/tmp"
    (
        cd "$place/work"
        exec timeout --kill-after=10 "$limit_s" /usr/bin/time -q -f '%e %M' -o "$place/$label.usage" \
            env "$@" HOME="$place/work" TMPDIR="$place/work/tmp" ROOT="$root" TREE="$scratch/tree" INPUT="$place/input" \
            "$here/$name.sh" "$function" </dev/null >"$place/$label.out" 2>"$place/$label.err"
    ) &
    child=$!
    wait "$child" || status=$?
    child=
    echo "$status" >"$place/$label.status"
    rm -rf "${place:?}/$label"
    mv "$place/work" "$place/$label"
}

status_of() { # label
    cat "$place/$1.status"
}

describe_status() { # status
    if (($1 == 124 || $1 == 137)); then
        echo "did not end within $limit_s s"
    elif (($1 > 128)); then
        echo "ended by signal $(kill -l "$1")"
    else
        echo "ended with status $1"
    fi
}

# The steps below set `problem` to what is wrong; it stays empty as long as nothing is.

check_status() { # label
    local status
    status=$(status_of "$1")
    ((status != 0)) || return 0
    problem="$1 $(describe_status "$status"):"$'\n'$(tail -n 5 "$place/$1.err")
    return 1
}

# Each binary that does the program's work takes its malloc from the library when that is preloaded.
check_loaded() { # name
    local name=$1 binary trace
    call "$name" binaries binaries
    call "$name" probe probe LD_PRELOAD="$library" LD_DEBUG=bindings LD_DEBUG_OUTPUT="$place/trace"
    check_status binaries && check_status probe || return 0
    while read -r binary; do
        [[ ! -u $binary && ! -g $binary ]] || { problem="$binary is setuid or setgid: nothing is preloaded" && return; }
        trace=$(grep -lF "binding file $binary [0]" "$place"/trace.* 2>/dev/null | head -n 1) || true
        [[ -n $trace ]] || { problem="$binary was not started by the probe, or is static" && return; }
        grep -qE "to $library \[0\]: normal symbol .(malloc|calloc|realloc)'" "$trace" ||
            { problem="$binary does not take its malloc from the library" && return; }
    done <"$place/binaries.out"
    rm -f "$place"/trace.*
}

prepare() { # name
    call "$1" prepare prepare
    check_status prepare || true
}

compare() { # name
    call "$1" work system
    call "$1" work hakmem LD_PRELOAD="$library"
    check_status system && check_status hakmem || return 0
    if [[ ! -s $place/system.out ]]; then
        problem="it prints nothing that could be compared"
    elif ! cmp -s "$place/system.out" "$place/hakmem.out"; then
        problem="$differs:"$'\n'$({ diff "$place/system.out" "$place/hakmem.out" || true; } | head -n 10)
    fi
}

# Prints what the library writes on misuse. It counts also where the program goes on and ends well.
find_message() {
    grep -hsm 1 '^hakmem: ' "$place"/{probe,hakmem}.{err,out} | head -n 1 || true
}

report_success() { # name remark
    paste -d ' ' "$place/system.usage" "$place/hakmem.usage" | awk -v name="$1" '{
        printf "ok    %-10s %7.2f s / %.2f s   peak RSS %.0f / %.0f MiB\n", name, $1, $3, $2 / 1024, $4 / 1024 }'
    [[ -z $2 ]] || printf '      %s\n' "${2//$'\n'/$'\n'      }"
}

report_failure() { # name
    failed+=("$1")
    printf 'FAIL  %-10s %s\n' "$1" "${problem//$'\n'/$'\n'      }"
    printf '      see %s\n' "$place"
}

run_program() { # name
    local name=$1 step message remark=
    place=$scratch/$name
    problem=
    mkdir -p "$place/input"
    for step in check_loaded prepare compare; do
        [[ -n $problem ]] || "$step" "$name"
    done
    message=$(find_message)
    if [[ $problem == "$differs"* && -z $message ]] && is_among "$name" "${flaky[@]}"; then
        remark="in the first of two tries, $problem"
        problem=
        compare "$name"
        message=$(find_message)
    fi
    [[ -z $message ]] || problem="$message${problem:+$'\n'$problem}"
    if [[ -n $problem ]]; then
        report_failure "$name"
    else
        report_success "$name" "$remark"
        rm -rf "$place"
    fi
}

copy_tree "$scratch/tree"
for name in "${chosen[@]}"; do
    run_program "$name"
done
printf '%d of %d programs gave the same results with %s preloaded\n' \
    $((${#chosen[@]} - ${#failed[@]})) "${#chosen[@]}" "$(basename "$library")"
if ((${#failed[@]})); then
    printf 'failed: %s\n' "${failed[*]}"
    exit 1
fi
rm -rf "$scratch"
