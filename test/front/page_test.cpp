// SPDX-License-Identifier: MIT
#include "front/page.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

/** Each piece that the writer was given. */
class Page {
public:
    template <class... Arguments>
    Page &say(const char *format, Arguments... arguments)
    {
        hak_i_page_say(&page_, format, arguments...);
        return *this;
    }
    Page &indent(size_t columns)
    {
        hak_i_page_begin(&page_, columns);
        return *this;
    }
    const std::vector<std::string> &lines() const { return lines_; }

private:
    static void take(void *arg, const char *text, size_t length)
    {
        static_cast<Page *>(arg)->lines_.emplace_back(text, length);
    }

    hak_page page_ = {take, this, 0, 0, 0, {}};
    std::vector<std::string> lines_;
};

using Lines = std::vector<std::string>;

uint64_t u64(uint64_t number)
{
    return number;
}

std::string bytes(uint64_t count)
{
    return Page().say("%b\n", count).lines().at(0);
}

} // namespace

TEST(FrontPage, WritesNumbersAndText)
{
    EXPECT_EQ(Page().say("%u, %d: %s 100 %%\n", u64(1234567), u64(1234567), "name").lines(),
              Lines{"1,234,567, 1234567: name 100 %\n"});
    EXPECT_EQ(Page().say("%u %u %u\n", u64(0), u64(999), UINT64_MAX).lines(),
              Lines{"0 999 18,446,744,073,709,551,615\n"});
    EXPECT_EQ(Page().say("[%6u][%2u][%6s][%9b]\n", u64(12), u64(1234), "ab", u64(5)).lines(),
              Lines{"[    12][1,234][    ab][      5 B]\n"});
}

TEST(FrontPage, KeepsTextPrintable)
{
    EXPECT_EQ(Page().say("(%s)\n", "a\nb\x1b[1m\x7f \xc3\xa4").lines(), Lines{"(a?b?[1m? \xc3\xa4)\n"});
}

TEST(FrontPage, WritesBytesInAUnitThatFits)
{
    EXPECT_EQ(bytes(0), "0 B\n");
    EXPECT_EQ(bytes(1023), "1,023 B\n");
    EXPECT_EQ(bytes(1024), "1.0 KiB\n");
    EXPECT_EQ(bytes(1536), "1.5 KiB\n");
    EXPECT_EQ(bytes(100 * 1024), "100 KiB\n");
    EXPECT_EQ(bytes(1024 * 1024), "1.0 MiB\n");
    EXPECT_EQ(bytes(uint64_t{5} << 30), "5.0 GiB\n");
    EXPECT_EQ(bytes(uint64_t{3} << 42), "12.0 TiB\n");
    EXPECT_EQ(bytes((2 << 20) - 1), "1.9 MiB\n");
    EXPECT_EQ(bytes((1 << 20) - 1), "1,023 KiB\n");
    EXPECT_EQ(bytes(UINT64_MAX), "16,777,215 TiB\n");
}

TEST(FrontPage, PutsAnSUnlessThereIsOne)
{
    EXPECT_EQ(Page().say("%u block~, %u slab~, %u heap~\n", u64(1), u64(2), u64(0)).lines(),
              Lines{"1 block, 2 slabs, 0 heaps\n"});
}

TEST(FrontPage, BreaksLongLinesAtSpaces)
{
    Page page;
    page.indent(4);
    for (int i = 0; i < 60; i++) {
        page.say("word%u ", u64(i));
    }
    page.say("end\n");
    ASSERT_GT(page.lines().size(), 3u);
    std::string joined;
    for (size_t i = 0; i < page.lines().size(); i++) {
        const std::string &line = page.lines()[i];
        EXPECT_LE(line.size(), HAK_PAGE_COLUMNS + 1);
        EXPECT_GT(i + 1 == page.lines().size() ? HAK_PAGE_COLUMNS : line.size(), HAK_PAGE_COLUMNS - 8);
        EXPECT_EQ(line.back(), '\n');
        EXPECT_NE(line[line.size() - 2], ' ');
        EXPECT_EQ(line.find_first_not_of(' '), i == 0 ? 0 : 4);
        joined += line.substr(i == 0 ? 0 : 3, line.size() - 1 - (i == 0 ? 0 : 3));
    }
    std::string wanted;
    for (int i = 0; i < 60; i++) {
        wanted += "word" + std::to_string(i) + " ";
    }
    EXPECT_EQ(joined, wanted + "end");
}

TEST(FrontPage, BreaksAWordThatIsLongerThanALine)
{
    const std::string word(250, 'x');
    Page page;
    page.indent(2).say("%s\n", word.c_str());
    EXPECT_EQ(page.lines(), (Lines{std::string(100, 'x') + "\n", "  " + std::string(98, 'x') + "\n",
                                   "  " + std::string(52, 'x') + "\n"}));
}
