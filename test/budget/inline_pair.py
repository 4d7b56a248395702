# SPDX-License-Identifier: MIT
"""Counts with callgrind what an inlined pair of a constant size executes.

usage: inline_pair.py <valgrind> <inline_pair>
"""
import sys

from called_pair import executed_each

LIMIT = 36
PAIRS_A_ROUND = 10


def main(valgrind, program):
    faults = []
    for release in ("free", "free_sized"):
        instructions = executed_each(valgrind, ["main"], [program, release]) / PAIRS_A_ROUND
        print(f"hak_alloc_inline and hak_{release}_inline: {instructions:g} instructions a pair")
        if not 4 <= instructions <= LIMIT:
            faults.append(f"{release}: a pair takes {instructions:g} instructions, at most {LIMIT} are allowed")
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
