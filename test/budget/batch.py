# SPDX-License-Identifier: MIT
"""Counts with callgrind what a block of a batch costs once the batch has started: the second half of one.

usage: batch.py <valgrind> <batch>
"""
import sys

from called_pair import executed_each

LIMITS = {"hak_alloc_batch": 5, "hak_free_batch": 20}
SIZES = (16, 100, 1024, 5000)


def main(valgrind, batch):
    faults = []
    for function, limit in LIMITS.items():
        for size in SIZES:
            counts = (1, 32, 64) if size <= 1024 else (1, 12, 16)
            one, half, whole = (executed_each(valgrind, [function], [batch, str(size), str(n)]) for n in counts)
            instructions = (whole - half) / (counts[2] - counts[1])
            print(f"{function}, {size} bytes: {one:g} for one, {whole:g} for {counts[2]}, {instructions:g} for each more")
            limit_here = limit if size <= 1024 else limit + 1  # 16 blocks are too few for its longest loop
            if not 2 <= instructions <= limit_here:
                faults.append(f"{function}, {size} bytes: {instructions:g} instructions a block, at most {limit_here} are allowed")
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
