# SPDX-License-Identifier: MIT
"""A program over hakmem outlives it, or ends in order, when any one memory call of the system fails, or all from there on.

usage: inject_test.py <strace> <program of out_of_memory.c>
"""
import subprocess
import sys
import tempfile

CALLS = "mmap", "mprotect", "mremap"
LAST = 40
LAST_FROM_THERE_ON = 10
OUT_OF_MEMORY = 9


def run(strace, program, call, *options):
    """The program's result, and what strace wrote of this call, line by line, with the empty write among it."""
    with tempfile.NamedTemporaryFile("r") as log:
        command = [strace, "-o", log.name, "-e", f"trace={call},write", *options, program]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return result, log.read().splitlines()


def calls_of_loader(lines, call):
    mark = next(place for place, line in enumerate(lines) if line.startswith('write(1, "", 0)'))
    return sum(line.startswith(f"{call}(") for line in lines[:mark])


def main(strace, program):
    works = subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True, text=True)
    if works.returncode != 0:
        print(f"skipped: strace cannot trace here: {works.stderr.strip()}")
        return 0
    faults, ends = [], {}
    for call in CALLS:
        before = calls_of_loader(run(strace, program, call)[1], call)
        for form, last in ("{}", LAST), ("{}+", LAST_FROM_THERE_ON):
            for count in range(before + 1, before + last + 1):
                when = form.format(count)
                result, lines = run(strace, program, call, "-e", f"inject={call}:error=ENOMEM:when={when}")
                if not any("(INJECTED)" in line for line in lines):
                    break  # there are no more of them
                ends[result.returncode] = ends.get(result.returncode, 0) + 1
                if result.returncode not in (0, OUT_OF_MEMORY) or result.stderr != "":
                    faults.append(f"{call}, {when}: status {result.returncode}: {result.stderr}")
    print("\n".join(faults) or f"ends by status: {ends}")
    if 0 not in ends or OUT_OF_MEMORY not in ends:
        faults.append("one of the two ends was never seen")
        print(faults[-1])
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
