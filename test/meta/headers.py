# SPDX-License-Identifier: MIT
"""Checks that each header compiles alone, as C11 and as C++17.

usage: headers.py <C compiler> <C++ compiler> <root of the tree>
"""
import pathlib
import subprocess
import sys

OPTIONS = ["-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function"]


def compiles(compiler, language, root, header):
    command = [compiler, *language, *OPTIONS, f"-I{root}/include", f"-I{root}/src", "-include", str(header), "-"]
    result = subprocess.run(command, input="extern int nothing;\n", capture_output=True, text=True)
    if result.returncode != 0:
        print(f"{header} does not compile alone ({' '.join(language)}):\n{result.stderr}")
    return result.returncode == 0


def main(c_compiler, cxx_compiler, root):
    root = pathlib.Path(root)
    headers = sorted((root / "include").glob("hakmem/*.h")) + sorted((root / "src").glob("*/*.h"))
    languages = (c_compiler, ["-xc", "-std=c11"]), (cxx_compiler, ["-xc++", "-std=c++17"])
    good = [compiles(compiler, language, root, header) for header in headers for compiler, language in languages]
    print(f"{len(headers)} headers")
    return 0 if headers and all(good) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
