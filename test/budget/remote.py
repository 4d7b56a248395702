# SPDX-License-Identifier: MIT
"""Counts with callgrind what freeing another heap's blocks costs, each beyond the first of many neighbours, with their
way into the slab's bitmap, or onto the stack of a heap that allocates from their class.

usage: remote.py <valgrind> <remote>
"""
import sys

from called_pair import executed

LIMITS = {
    "free": {16: 86, 64: 86, 256: 90, 1024: 122},
    "replace": {2048: 86, 16384: 86, 65536: 86},
}
BLOCKS = 4096


def main(valgrind, remote):
    faults = []
    for way, size, limit in ((way, *row) for way, rows in LIMITS.items() for row in rows.items()):
        half, whole = (executed(valgrind, ["hak_free"], [remote, way, str(size), str(BLOCKS), str(freed)])
                       for freed in (BLOCKS // 2, BLOCKS))
        instructions = (whole - half) / (BLOCKS - BLOCKS // 2)
        print(f"{way}, {size} bytes: {instructions:g} instructions a block")
        if not 20 <= instructions <= limit:
            faults.append(f"{way}, {size} bytes: {instructions:g} instructions a block, at most {limit} are allowed")
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
