#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# CMake configures and generates this project, with the compilers it asks; packs and unpacks; what it writes is compared.
set -euo pipefail

binaries() { echo /usr/bin/cmake; }

probe() { /usr/bin/cmake --version; }

prepare() { :; }

work() {
    cmake -S "$TREE" -B build -G Ninja -D CMAKE_BUILD_TYPE=Release -D CMAKE_EXPORT_COMPILE_COMMANDS=ON >&2
    cmake -S "$TREE" -B build -D HAKMEM_BUILD_TESTING=OFF -D HAKMEM_BUILD_BENCHMARKS=OFF >&2
    find build -name '*.ninja' -o -name '*.cmake' -o -name compile_commands.json -o -name CMakeCache.txt |
        sort | xargs sha256sum
    cmake --build build --parallel 2 >&2
    find build -name '*.so' -o -name '*.a' -o -name '*.o' | sort | xargs sha256sum
    cp -R "$TREE/src" "$TREE/test" .
    cmake -E tar cJ tree.tar.xz --mtime=2000-01-01 -- src test
    mkdir unpacked
    (cd unpacked && cmake -E tar x ../tree.tar.xz)
    (cd unpacked && find . -type f | sort | xargs cmake -E sha256sum)
}

"$@"
