# SPDX-License-Identifier: MIT
"""Counts with callgrind what a called pair of allocating and freeing executes, from entry to return.

usage: called_pair.py <valgrind> <pair> <allocating function> <freeing function> <instructions beyond hak_'s>

A second run makes more pairs than the first; the difference is pairs in the steady state alone.
"""
import re
import subprocess
import sys

ROUNDS = 1000
LIMITS = {16: 46, 100: 46, 1024: 46, 1025: 48, 5000: 48, 32768: 48}


def executed(valgrind, functions, command):
    """The instructions of the functions, from each entry to its return."""
    command = [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null",
               *(f"--toggle-collect={function}" for function in functions), *command]
    run = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not found:
        sys.exit(f"{' '.join(command)} failed:\n{run.stderr}")
    return int(found[1])


def executed_each(valgrind, functions, command):
    """The same for one round in the steady state; the command takes the number of rounds as its last argument."""
    once, twice = (executed(valgrind, functions, [*command, str(n * ROUNDS)]) for n in (1, 2))
    return (twice - once) / ROUNDS


def main(valgrind, pair, allocate, release, more):
    faults = []
    for size, limit in LIMITS.items():
        limit += int(more)
        instructions = executed_each(valgrind, (allocate, release), [pair, str(size)])
        print(f"{size} bytes: {instructions:g} instructions a pair")
        if not 4 <= instructions <= limit:
            faults.append(f"{size} bytes: a pair takes {instructions:g} instructions, at most {limit} are allowed")
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
