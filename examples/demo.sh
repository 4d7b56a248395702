#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs word_index over hakmem and over the system's malloc in turn, and prints what each of them cost.
set -euo pipefail
export LC_ALL=C

usage() {
    cat <<'END'
usage: demo.sh BUILD_DIRECTORY [--rounds N] [--repeat N] [--threads N] [PATH...]

Indexes the words of all text files below the paths (default: this source tree, the system's documentation and, where
that is little, its headers) with two builds of one program, and compares them.

  --rounds N   timed runs of each program (default: up to 5, fewer where they take long)
  --repeat N   take every file N times (default: until there are 50 MB)
  --threads N  threads of each program (default 4)
END
}

fail() {
    printf 'demo: %s\n' "$1" >&2
    exit 1
}

readonly memory_calls=mmap,munmap,mremap,madvise,brk,mprotect
readonly enough_bytes=50000000
readonly default_rounds=5
readonly time_limit_s=50 # for the default number of rounds
readonly programs=(hakmem system)

declare -A executable calls
rounds=
repeat=
threads=4

(($# > 0)) || { usage >&2 && exit 2; }
[[ $1 != --help ]] || { usage && exit 0; }
build=$(cd "$1" 2>/dev/null && pwd) || fail "$1: no such build directory"
shift
while [[ ${1-} == --* ]]; do
    case $1 in
    --help) usage && exit 0 ;;
    --rounds | --repeat | --threads)
        [[ ${2-} =~ ^[1-9][0-9]{0,2}$ ]] || fail "$1 needs a number from 1 to 999"
        declare "${1#--}=$2"
        shift 2
        ;;
    *) fail "unknown option $1; see --help" ;;
    esac
done
executable[hakmem]=$build/examples/word_index/word_index
executable[system]=$build/examples/word_index/word_index_system
for program in "${programs[@]}"; do
    [[ -x ${executable[$program]} ]] || fail "${executable[$program]} is not built"
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# ------------------------------------------------------------------------------------------------ what to read ----

# A copy of the source tree, as someone may be editing it, without what is built.
copy_tree() { # destination
    local tree path
    tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    mkdir "$1"
    for path in "$tree"/*; do
        [[ $build/ == "$path"/* || $path == "$tree/build" ]] || cp -R "$path" "$1"
    done
}

# Half of what lies there is text.
is_enough() { # path...
    du -sk "$@" | awk -v enough="$enough_bytes" '{ kib += $1 } END { exit kib * 1024 < 2 * enough }'
}

paths=("$@")
if ((${#paths[@]} == 0)); then
    copy_tree "$scratch/tree"
    paths=("$scratch/tree")
    for path in /usr/share/doc /usr/share/common-licenses /usr/include; do
        [[ ! -d $path ]] || is_enough "${paths[@]}" || paths+=("$path")
    done
fi

number_of() { # what the program's answers say: number_of files indexed
    awk -v what="$*" '{ value = $1; $1 = ""; if ($0 == " " what) print value }' "$scratch/answers"
}

run() { # command...: runs it over the input; the answers must always be the same
    "$@" --threads "$threads" --repeat "$repeat" --find malloc "${paths[@]}" >"$scratch/output" ||
        fail "the program failed, or what runs it: $*"
    if [[ ! -e $scratch/answers ]]; then
        mv "$scratch/output" "$scratch/answers"
    elif ! cmp -s "$scratch/output" "$scratch/answers"; then
        diff "$scratch/answers" "$scratch/output" >&2 || true
        fail "the answers differ (have the files changed meanwhile?)"
    fi
}

# --------------------------------------------------------------------------------------------------- measuring ----

# Sets `tracer`, or `no_calls` to the reason why there is none.
find_tracer() {
    tracer=(strace -f -c -e "trace=$memory_calls" -o "$scratch/calls")
    if ! command -v strace >/dev/null; then
        no_calls="strace is not installed"
    elif ! "${tracer[@]}" true 2>"$scratch/error"; then
        no_calls="strace is not permitted: $(head -n 1 "$scratch/error")"
    elif strace --seccomp-bpf "${tracer[@]:1}" true 2>/dev/null; then
        tracer=(strace --seccomp-bpf "${tracer[@]:1}") # stops at these calls only
    fi
}

find_timer() {
    if [[ -x /usr/bin/time ]] && /usr/bin/time -f '%U' -o "$scratch/usage" true 2>/dev/null; then
        timer=(/usr/bin/time -f '%U %S %M %F %R' -o "$scratch/usage")
    else
        no_usage="GNU time is not installed"
    fi
}

# The first run of each program brings the files into memory and counts calls.
warm_up() { # program
    if [[ -n $no_calls ]]; then
        run "${executable[$1]}"
        return
    fi
    run "${tracer[@]}" "${executable[$1]}"
    calls[$1]=$(awk -v names=",$memory_calls," 'index(names, "," $NF ",") { sum += $4 } END { print sum + 0 }' \
        "$scratch/calls")
}

# Small inputs are repeated until they are large enough, unless the user chose.
warm_up_both() {
    local bytes chosen=$repeat
    repeat=${chosen:-1}
    warm_up system
    bytes=$(number_of bytes)
    ((bytes > 0)) || fail "no text files in ${paths[*]}"
    if [[ -z $chosen ]] && ((bytes < enough_bytes)); then
        repeat=$(((enough_bytes + bytes - 1) / bytes))
        ((repeat <= 999)) || repeat=999
        rm "$scratch/answers"
        warm_up system
    fi
    warm_up hakmem
}

measure() { # program: appends one line to its samples: seconds, processor seconds, peak KiB, page faults
    local start=$EPOCHREALTIME end
    run "${timer[@]}" "${executable[$1]}"
    end=$EPOCHREALTIME
    [[ -n $no_usage ]] && : >"$scratch/usage"
    awk -v start="$start" -v end="$end" '{ processor = $1 + $2; peak = $3; faults = $4 + $5 }
        END { print end - start, processor, peak, faults }' CONVFMT=%.6f OFMT=%.6f "$scratch/usage" >>"$scratch/$1"
}

more_rounds() {
    if [[ -n $rounds ]]; then
        ((done_rounds < rounds))
    else
        ((done_rounds == 0 || (done_rounds < default_rounds && SECONDS + round_s <= time_limit_s)))
    fi
}

# ---------------------------------------------------------------------------------------------------- printing ----

sorted() { # program column
    awk -v column="$2" '{ print $column }' OFMT=%.6f "$scratch/$1" | sort -n
}

median() { # program column
    sorted "$1" "$2" | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }' OFMT=%.6f
}

spread() { # program
    sorted "$1" 1 | awk 'NR == 1 { low = $1 } { high = $1 } END { printf "%.2f to %.2f s", low, high }'
}

print_row() { # name unit divisor hakmem system, or: name reason
    if (($# == 2)); then
        printf '%-22s     %s\n' "$1" "$2"
    else
        awk -v name="$1" -v unit="$2" -v divisor="$3" -v ours="$4" -v theirs="$5" 'BEGIN {
            form = (unit == "s" ? "%.2f" : unit == "MiB" ? "%.1f" : "%.0f") " %-3s"
            ratio = (theirs > 0) ? sprintf("%.2f", ours / theirs) : "-"
            printf "%-22s%15s%15s%16s\n", name, sprintf(form, ours / divisor, unit),
                sprintf(form, theirs / divisor, unit), ratio
        }'
    fi
}

print_sample_row() { # name unit divisor column
    print_row "$1" "$2" "$3" "$(median hakmem "$4")" "$(median system "$4")"
}

print_table() {
    printf '%-22s%15s%15s%16s\n' '' 'hakmem    ' 'system malloc' 'hakmem/system'
    print_sample_row 'time' s 1 1
    if [[ -n $no_usage ]]; then
        print_row 'peak memory' "not measured: $no_usage"
        print_row 'page faults' "not measured: $no_usage"
    else
        print_sample_row 'processor time' s 1 2
        print_sample_row 'peak memory' MiB 1024 3
        print_sample_row 'page faults' '' 1 4
    fi
    if [[ -n $no_calls ]]; then
        print_row 'memory system calls' "not measured: $no_calls"
    else
        print_row 'memory system calls' '' 1 "${calls[hakmem]}" "${calls[system]}"
    fi
}

# ------------------------------------------------------------------------------------------------------- main ----

no_calls=
no_usage=
tracer=()
timer=()
find_tracer
find_timer

libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || libc="the C library"
printf 'word_index over hakmem and over the malloc of %s: the same program, the same files\n' "$libc"
warm_up_both
awk -v files="$(number_of files indexed)" -v bytes="$(number_of bytes)" -v words="$(number_of words)" \
    -v repeat="$repeat" -v threads="$threads" 'BEGIN {
        printf "%d files, %.1f MB, %.1f million words, %d threads%s\n", files, bytes / 1e6, words / 1e6, threads,
            (repeat > 1) ? sprintf(" (every file taken %d times)", repeat) : "" }'

done_rounds=0
round_s=0
while more_rounds; do
    round_start_s=$SECONDS
    order=("${programs[@]}")
    ((done_rounds % 2 == 0)) || order=(system hakmem)
    for program in "${order[@]}"; do measure "$program"; done
    done_rounds=$((done_rounds + 1))
    round_s=$((SECONDS - round_start_s + 1))
done

printf '\n'
print_table
printf '\nBoth gave the same answers in every run. Below 1.00, hakmem needed less. Medians of %d round(s) in turn;\n' \
    "$done_rounds"
printf 'time ranged from %s over hakmem and from %s over the system'"'"'s malloc.\n' "$(spread hakmem)" "$(spread system)"
[[ -n $no_calls ]] || printf 'System calls (%s) include those of program start and thread stacks.\n' "$memory_calls"
