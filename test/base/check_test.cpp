// SPDX-License-Identifier: MIT
#include "base/check.h"
#include "base/stderr_writes.h"

#include <gtest/gtest.h>

#include <pthread.h>

#include <cerrno>
#include <string>
#include <thread>

namespace {

using Writes = std::vector<std::string>;

std::string text_of(const hak_line &line)
{
    return std::string(line.text, line.length);
}

std::string number(uint64_t value)
{
    hak_line line = {};
    hak_i_base_line_number(&line, value);
    return text_of(line);
}

std::string address(uintptr_t value)
{
    hak_line line = {};
    hak_i_base_line_address(&line, value);
    return text_of(line);
}

Writes written(const std::string &text)
{
    hak_line line = {};
    hak_i_base_line_text(&line, text.c_str());
    hak_test::StderrWrites writes;
    hak_i_base_line_write(&line);
    return writes.finish();
}

constexpr size_t LINE_MAX_LENGTH = sizeof hak_line::text;

} // namespace

TEST(BaseLine, PrintsNumbers)
{
    for (uint64_t value : {uint64_t{0}, uint64_t{9}, uint64_t{10}, uint64_t{1234567890}, UINT64_MAX}) {
        EXPECT_EQ(number(value), std::to_string(value));
    }
}

TEST(BaseLine, PrintsAddresses)
{
    EXPECT_EQ(address(0), "0x0");
    EXPECT_EQ(address(0xdeadbeef), "0xdeadbeef");
    EXPECT_EQ(address(UINTPTR_MAX), "0xffffffffffffffff");
}

TEST(BaseLine, IsNoPlaceToBeCancelled)
{
    bool written = false;
    hak_line line = {};
    hak_test::StderrWrites writes;
    std::thread([&] {
        pthread_cancel(pthread_self());
        hak_i_base_line_write(&line);
        written = true;
        pthread_testcancel();
    }).join();
    writes.finish();
    EXPECT_TRUE(written);
}

TEST(BaseLine, JoinsItsParts)
{
    hak_line line = {};
    hak_i_base_line_text(&line, "unit ");
    hak_i_base_line_number(&line, 42);
    hak_i_base_line_text(&line, " at ");
    hak_i_base_line_address(&line, 0x1000);
    hak_i_base_line_text(&line, "");
    EXPECT_EQ(text_of(line), "unit 42 at 0x1000");
}

TEST(BaseLine, IsCutAtItsEnd)
{
    hak_line line = {};
    std::string expected;
    for (int i = 0; i < 100; i++) {
        hak_i_base_line_text(&line, "seven, ");
        hak_i_base_line_number(&line, 12345);
        hak_i_base_line_address(&line, 0xabc);
        expected += "seven, 123450xabc";
        EXPECT_EQ(text_of(line), expected.substr(0, LINE_MAX_LENGTH));
    }
}

TEST(BaseLine, IsWrittenInOneWrite)
{
    EXPECT_EQ(written("a text"), Writes{"hakmem: a text\n"});
    EXPECT_EQ(written(""), Writes{"hakmem: \n"});
}

TEST(BaseLine, EndsWithANewlineHoweverLong)
{
    for (size_t length = LINE_MAX_LENGTH - 12; length <= LINE_MAX_LENGTH + 3; length++) {
        std::string text(length, 'x');
        std::string whole = "hakmem: " + text;
        EXPECT_EQ(written(text), Writes{whole.substr(0, LINE_MAX_LENGTH - 1) + "\n"});
    }
}

TEST(BaseLine, KeepsErrno)
{
    hak_line line = {};
    int closed = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    errno = ERANGE;
    hak_i_base_line_write(&line);
    int after = errno;
    dup2(closed, STDERR_FILENO);
    close(closed);
    EXPECT_EQ(after, ERANGE);
}

TEST(BaseCheck, PassesWhatHolds)
{
    HAK_CHECK(1 + 1 == 2, "arithmetic");
    HAK_ASSERT(1 + 1 == 2);
}

TEST(BaseCheckDeathTest, NamesWhatDoesNotHold)
{
    EXPECT_EXIT(HAK_CHECK(1 + 1 == 3, "arithmetic"), testing::KilledBySignal(SIGABRT),
                "^hakmem: internal error: arithmetic\n$");
}

TEST(BaseCheckDeathTest, AssertsOnlyInDebugBuilds)
{
    if (!HAK_DEBUG) {
        HAK_ASSERT(1 + 1 == 3);
        return;
    }
    EXPECT_EXIT(HAK_ASSERT(1 + 1 == 3), testing::KilledBySignal(SIGABRT), "^hakmem: internal error: 1 . 1 == 3\n$");
}
