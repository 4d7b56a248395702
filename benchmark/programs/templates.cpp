// SPDX-License-Identifier: MIT
// What a C++ compiler is given: many instances of the standard library's templates.
#include <array>
#include <map>
#include <string>
#include <vector>

template <int n>
struct Level : Level<n - 1> {
    std::map<std::array<char, n>, std::vector<std::string>> map;
    std::size_t use(const std::string &text)
    {
        map[{}].push_back(text + text);
        return map.size() + Level<n - 1>::use(text);
    }
};

template <>
struct Level<0> {
    std::size_t use(const std::string &text) { return text.size(); }
};

std::size_t use(const std::string &text)
{
    return Level<6>().use(text);
}
