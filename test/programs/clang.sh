#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# clang: the library's own sources and a large C++ file, optimised and with debug information; the objects are compared.
set -euo pipefail

binaries() { echo /usr/bin/clang-14; }

probe() { /usr/bin/clang-14 -x c -c -o c.o /dev/null; }

prepare() {
    cat >"$INPUT/large.cpp" <<'END_OF_CPP'
#include <bits/stdc++.h>
template <int n> struct level : level<n - 1> {
    std::unordered_map<std::string, std::variant<int, std::array<double, n>, std::string>> map;
    std::size_t use(const std::string &s) {
        map.emplace(s, std::array<double, n>{});
        std::visit([](auto &value) { std::any held = value; }, map[s]);
        return map.size() + level<n - 1>::use(s);
    }
};
template <> struct level<0> {
    std::size_t use(const std::string &s) { return std::regex_search(s, std::regex("a+b")); }
};
std::size_t use(const std::string &s) { return level<16>().use(s); }
END_OF_CPP
}

work() {
    local file
    find "$TREE/src" -name '*.c' | sort | while read -r file; do
        clang-14 -std=c11 -D_GNU_SOURCE -O2 -g -I "$TREE/src" -I "$TREE/include" -c -o "$(basename "$file").o" "$file"
    done
    clang++-14 -std=c++17 -O2 -g -c -o large.o "$INPUT/large.cpp"
    sha256sum ./*.o
}

"$@"
