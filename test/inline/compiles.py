# SPDX-License-Identifier: MIT
"""Checks that the header gives no warning, in each language standard and with its macro.

usage: compiles.py <include> <C program> <C compiler>... -- <C++ compiler>...
"""
import itertools
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wundef", "-Werror"]
C = [["-xc", f"-std={standard}"] for standard in ("c11", "gnu17")]
CXX = [["-xc++", f"-std={standard}"] for standard in ("c++11", "c++17", "gnu++20")]
WAYS = [["-O2"], ["-O0"], ["-O2", "-DHAK_NO_INLINE"], ["-Os", "-fPIC"], ["-O2", "-fsanitize=thread"]]


def compiles(compiler, language, way, include, program):
    command = [compiler, *language, *way, *WARNINGS, f"-I{include}", "-c", program, "-o", "/dev/null"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        print(f"{' '.join(command)}:\n{result.stderr}")
    return result.returncode == 0


def main(include, program, *compilers):
    middle = compilers.index("--")
    pairs = [*itertools.product(compilers[:middle], C), *itertools.product(compilers[middle + 1:], CXX)]
    good = [compiles(*pair, way, include, program) for pair in pairs for way in WAYS]
    print(f"{sum(good)} of {len(good)}")
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
