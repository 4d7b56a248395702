// SPDX-License-Identifier: MIT
// The page of hak_explain(), and figures read from it.
#ifndef HAKMEM_TEST_FRONT_EXPLAINED_H
#define HAKMEM_TEST_FRONT_EXPLAINED_H

#include <hakmem/hakmem.h>

#include <cstdint>
#include <regex>
#include <string>

namespace hak_test {

inline std::string explain()
{
    std::string page;
    hak_explain(
        [](void *arg, const char *text, size_t length) { static_cast<std::string *>(arg)->append(text, length); },
        &page);
    return page;
}

/** On one line, so that a sentence can be looked for however it was broken. */
inline std::string in_one_line(const std::string &page)
{
    return std::regex_replace(page, std::regex("\\s+"), " ");
}

/** "1,234,567" or "12.3 MiB". */
inline double amount(const std::string &text)
{
    std::string digits = std::regex_replace(text, std::regex("[, A-Za-z]"), "");
    double number = std::stod(digits);
    for (const char *unit : {"KiB", "MiB", "GiB"}) {
        number *= 1024;
        if (text.find(unit) != std::string::npos) {
            return number;
        }
    }
    return number / 1024 / 1024 / 1024;
}

/** What the first group of the expression matches in the page, as an amount; -1 where it does not. */
inline double figure(const std::string &page, const std::string &expression)
{
    std::smatch match;
    std::string text = in_one_line(page);
    return std::regex_search(text, match, std::regex(expression)) ? amount(match[1]) : -1;
}

#define HAK_AMOUNT "([0-9][0-9.,]*(?: [KMGT]?i?B)?)"

/** What the parts on the page add up to. */
inline uint64_t sum_of_parts(const std::string &page)
{
    double sum = 0;
    for (const char *part : {"live", "slack", "cached", "partial", "remote", "clean", "dirty", "metadata"}) {
        sum += figure(page, std::string(HAK_AMOUNT " ") + part + ":");
    }
    return static_cast<uint64_t>(sum);
}

} // namespace hak_test

#endif
