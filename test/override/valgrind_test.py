# SPDX-License-Identifier: MIT
"""Programs run under valgrind with the library preloaded: over valgrind's malloc, and over hakmem's own.

usage: valgrind_test.py <valgrind> <library> <program>
"""
import os
import subprocess
import sys

FAILED = 99
OWN_MALLOC = "--soname-synonyms=somalloc=nouserintercepts"


def main(valgrind, library, program):
    faults = []
    for options in [], [OWN_MALLOC]:
        command = [valgrind, f"--error-exitcode={FAILED}", "--quiet", "--trace-children=no", *options, program]
        result = subprocess.run(
            command, env=dict(os.environ, LD_PRELOAD=library), capture_output=True, text=True, timeout=300
        )
        if result.returncode != 0 or "Invalid" in result.stderr or "cannot be preloaded" in result.stderr:
            faults.append(f"{' '.join(command)}: status {result.returncode}\n{result.stderr}")
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
