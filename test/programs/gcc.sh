#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# gcc: the library's own sources and a large C++ file, optimised and with debug information; the objects are compared.
set -euo pipefail

binaries() {
    gcc -print-prog-name=cc1
    gcc -print-prog-name=cc1plus
}

probe() {
    gcc -x c -c -o c.o /dev/null
    g++ -x c++ -c -o cpp.o /dev/null
}

prepare() {
    cat >"$INPUT/large.cpp" <<'END_OF_CPP'
#include <bits/stdc++.h>
template <int n> struct level : level<n - 1> {
    std::map<std::array<char, n>, std::vector<std::string>> map;
    std::size_t use(const std::string &s) {
        map[{}].push_back(std::regex_replace(s, std::regex("a+"), "b"));
        return map.size() + level<n - 1>::use(s);
    }
};
template <> struct level<0> {
    std::size_t use(const std::string &s) { return s.size(); }
};
std::size_t use(const std::string &s) { return level<16>().use(s); }
END_OF_CPP
}

work() {
    local file
    find "$TREE/src" -name '*.c' | sort | while read -r file; do
        gcc -std=c11 -D_GNU_SOURCE -O2 -g -I "$TREE/src" -I "$TREE/include" -c -o "$(basename "$file").o" "$file"
    done
    g++ -std=c++17 -O2 -g -c -o large.o "$INPUT/large.cpp"
    sha256sum ./*.o
}

"$@"
