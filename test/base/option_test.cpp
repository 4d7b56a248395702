// SPDX-License-Identifier: MIT
#include "base/option.h"
#include "base/stderr_writes.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <tuple>

namespace {

constexpr int64_t MiB = 1048576;

/** Leaves every option as it was. */
class BaseOption : public testing::Test {
protected:
    ~BaseOption() override { hak_i_base_options = before_; }

private:
    hak_options before_ = hak_i_base_options;
};

using BaseOptionDeathTest = BaseOption;

std::string value_of(const char *name)
{
    char buffer[64] = "unset";
    EXPECT_EQ(hak_i_base_option_get(name, buffer, sizeof buffer), 0) << name;
    return buffer;
}

std::vector<std::string> read(std::vector<std::string> variables)
{
    std::vector<char *> environment;
    for (std::string &variable : variables) {
        environment.push_back(variable.data());
    }
    environment.push_back(nullptr);
    hak_test::StderrWrites writes;
    hak_i_base_options_read(environment.data());
    return writes.finish();
}

using Writes = std::vector<std::string>;

} // namespace

TEST_F(BaseOption, StartsWithItsStandard)
{
    EXPECT_EQ(value_of("arena_mb_init"), "1");
    EXPECT_EQ(value_of("arena_mb_max"), "8");
    EXPECT_EQ(value_of("arena_growth_levels"), "4");
    EXPECT_EQ(value_of("dirty_min"), "16777216");
    EXPECT_EQ(value_of("dirty_percent"), "25");
}

TEST_F(BaseOption, TakesNumbers)
{
    ASSERT_EQ(hak_i_base_option_set("arena_mb_init", "007"), 0);
    EXPECT_EQ(hak_i_base_options.arena_mb_init, 7);
    ASSERT_EQ(hak_i_base_option_set("dirty_percent", "-1"), 0);
    EXPECT_EQ(hak_i_base_options.dirty_percent, -1);
    EXPECT_EQ(value_of("dirty_percent"), "-1");
    ASSERT_EQ(hak_i_base_option_set("dirty_percent", "-0"), 0);
    EXPECT_EQ(hak_i_base_options.dirty_percent, 0);
}

TEST_F(BaseOption, TakesBytesWithASuffix)
{
    const std::pair<const char *, int64_t> texts[] = {
        {"0", 0},        {"1000", 1000},  {"3k", 3 * 1024},   {"3K", 3 * 1024},
        {"5m", 5 * MiB}, {"5M", 5 * MiB}, {"2g", 2048 * MiB}, {"2G", 2048 * MiB},
    };
    for (auto [text, value] : texts) {
        ASSERT_EQ(hak_i_base_option_set("dirty_min", text), 0) << text;
        EXPECT_EQ(hak_i_base_options.dirty_min, value);
        EXPECT_EQ(value_of("dirty_min"), std::to_string(value));
    }
}

TEST_F(BaseOption, TakesItsBounds)
{
    const std::string most = std::to_string(HAK_OPTION_BYTES_MAX);
    EXPECT_EQ(hak_i_base_option_set("dirty_min", most.c_str()), 0);
    EXPECT_EQ(hak_i_base_options.dirty_min, HAK_OPTION_BYTES_MAX);
    EXPECT_EQ(hak_i_base_option_set("dirty_min", "131072G"), 0);
    EXPECT_EQ(hak_i_base_options.dirty_min, HAK_OPTION_BYTES_MAX);
    EXPECT_EQ(hak_i_base_option_set("dirty_percent", "10000"), 0);
    EXPECT_EQ(hak_i_base_option_set("arena_mb_max", "1024"), 0);
    EXPECT_EQ(hak_i_base_option_set("arena_mb_max", "1"), 0);
}

TEST_F(BaseOption, TakesWords)
{
    ASSERT_EQ(hak_i_base_option_set("pool_prewarm", "fixed"), 0);
    EXPECT_EQ(hak_i_base_options.pool_prewarm, HAK_PREWARM_FIXED);
    EXPECT_EQ(value_of("pool_prewarm"), "fixed");
    ASSERT_EQ(hak_i_base_option_set("pool_prewarm", "off"), 0);
    EXPECT_EQ(hak_i_base_options.pool_prewarm, HAK_PREWARM_OFF);
    EXPECT_EQ(value_of("pool_prewarm"), "off");
}

TEST_F(BaseOption, TakesOneOrTwoLimits)
{
    const std::tuple<const char *, int64_t, int64_t, const char *> texts[] = {
        {"512M", 512 * MiB, 0, "536870912"},
        {"1k,2k", 2048, 1024, "1024,2048"},
        {"80%", -80, 0, "80%"},
        {"1%,100%", -100, -1, "1%,100%"},
        {"400M,80%", -80, 400 * MiB, "419430400,80%"},
        {"50%,1G", 1024 * MiB, -50, "50%,1073741824"},
        {"5,5", 5, 5, "5,5"},
        {"0,5", 5, 0, "5"},
        {"131072G", HAK_OPTION_BYTES_MAX, 0, "140737488355328"},
        {"0", 0, 0, "0"},
        {"0,0", 0, 0, "0"},
    };
    for (auto [text, hard, soft, printed] : texts) {
        ASSERT_EQ(hak_i_base_option_set("budget", text), 0) << text;
        EXPECT_EQ(hak_i_base_options.budget, hard) << text;
        EXPECT_EQ(hak_i_base_options.budget_soft, soft) << text;
        EXPECT_EQ(value_of("budget"), printed);
        EXPECT_EQ(hak_i_base_option_set("budget", printed), 0);
    }
}

TEST_F(BaseOption, RefusesBadLimitsAndKeepsTheValue)
{
    ASSERT_EQ(hak_i_base_option_set("budget", "3,7"), 0);
    for (const char *text : {"",
                             ",",
                             "5,",
                             ",5",
                             "1,2,3",
                             "2,1",
                             "80%,70%",
                             "1,0",
                             "1%,0",
                             "0%",
                             "101%",
                             "-1",
                             "-5%",
                             "5%%",
                             "5K%",
                             "%",
                             "5 %",
                             "1M, 2M",
                             "131073G",
                             "140737488355329",
                             "1,99999999999999999999",
                             "5T"}) {
        EXPECT_EQ(hak_i_base_option_set("budget", text), EINVAL) << "'" << text << "'";
    }
    EXPECT_EQ(value_of("budget"), "3,7");
}

TEST_F(BaseOption, RefusesBadNumbersAndKeepsTheValue)
{
    hak_i_base_options.arena_mb_init = 3;
    for (const char *text : {"", " ", "-", "+1", " 1", "1 ", "1.5", "0x10", "1e3", "one", "0", "-1", "1025", "1K",
                             "--1", "99999999999999999999999999", "18446744073709551617", "140737488355329"}) {
        EXPECT_EQ(hak_i_base_option_set("arena_mb_init", text), EINVAL) << "'" << text << "'";
    }
    EXPECT_EQ(hak_i_base_options.arena_mb_init, 3);
}

TEST_F(BaseOption, RefusesBadBytesAndKeepsTheValue)
{
    for (const char *text : {"", "K", "-1", "-1K", "1T", "1KB", "1kk", "1 K", "K1", "140737488355329", "131073G",
                             "9223372036854775807G", "18446744073709551616", "1\n"}) {
        EXPECT_EQ(hak_i_base_option_set("dirty_min", text), EINVAL) << "'" << text << "'";
    }
    EXPECT_EQ(hak_i_base_options.dirty_min, 16 * MiB);
}

TEST_F(BaseOption, RefusesBadPercentages)
{
    for (const char *text : {"", "%", "25%", "-2", "10001", "25K"}) {
        EXPECT_EQ(hak_i_base_option_set("dirty_percent", text), EINVAL) << "'" << text << "'";
    }
}

TEST_F(BaseOption, RefusesBadWords)
{
    for (const char *text : {"", "o", "of", "offf", "OFF", "off ", "off|fixed", "|", "0", "1", "fixed|"}) {
        EXPECT_EQ(hak_i_base_option_set("pool_prewarm", text), EINVAL) << "'" << text << "'";
    }
}

TEST_F(BaseOption, KnowsOnlyItsNames)
{
    for (const char *name : {"", "dirty", "dirty_min ", "DIRTY_MIN", "HAKMEM_DIRTY_MIN", "dirty_minimum"}) {
        char buffer[8] = "keep";
        EXPECT_EQ(hak_i_base_option_set(name, "1"), ENOENT) << name;
        EXPECT_EQ(hak_i_base_option_get(name, buffer, sizeof buffer), ENOENT) << name;
        EXPECT_STREQ(buffer, "keep");
    }
}

TEST_F(BaseOption, GetsOnlyWhatFits)
{
    char buffer[9] = "kept";
    hak_i_base_options.dirty_min = 12345678;
    EXPECT_EQ(hak_i_base_option_get("dirty_min", buffer, 8), EINVAL);
    EXPECT_EQ(hak_i_base_option_get("dirty_min", buffer, 0), EINVAL);
    EXPECT_STREQ(buffer, "kept");
    EXPECT_EQ(hak_i_base_option_get("dirty_min", buffer, 9), 0);
    EXPECT_STREQ(buffer, "12345678");
}

TEST_F(BaseOption, WhatItPrintsItTakes)
{
    for (int64_t value : {int64_t{0}, int64_t{1}, 3 * MiB, HAK_OPTION_BYTES_MAX}) {
        hak_i_base_options.dirty_min = value;
        std::string text = value_of("dirty_min");
        hak_i_base_options.dirty_min = 7;
        ASSERT_EQ(hak_i_base_option_set("dirty_min", text.c_str()), 0);
        EXPECT_EQ(hak_i_base_options.dirty_min, value);
    }
}

TEST_F(BaseOption, ReadsTheEnvironment)
{
    EXPECT_EQ(read({"PATH=/bin", "HAKMEM_DIRTY_MIN=2M", "HAKMEM_POOL_PREWARM=fixed", "hakmem_dirty_percent=3", "HAKMEM",
                    "XHAKMEM_DIRTY_PERCENT=3"}),
              Writes{});
    EXPECT_EQ(hak_i_base_options.dirty_min, 2 * MiB);
    EXPECT_EQ(hak_i_base_options.pool_prewarm, HAK_PREWARM_FIXED);
    EXPECT_EQ(hak_i_base_options.dirty_percent, 25);
}

TEST_F(BaseOption, ReadsNoEnvironment)
{
    hak_test::StderrWrites writes;
    hak_i_base_options_read(nullptr);
    EXPECT_EQ(writes.finish(), Writes{});
}

TEST_F(BaseOption, NamesABadVariableInOneLineAndGoesOn)
{
    EXPECT_EQ(read({"HAKMEM_DIRTY_MIN=lots", "HAKMEM_DIRTY_PERCENT=50"}),
              Writes{"hakmem: option HAKMEM_DIRTY_MIN ignored: not a value it can take\n"});
    EXPECT_EQ(hak_i_base_options.dirty_min, 16 * MiB);
    EXPECT_EQ(hak_i_base_options.dirty_percent, 50);
}

TEST_F(BaseOption, NamesAnUnknownVariableInOneLine)
{
    EXPECT_EQ(read({"HAKMEM_DIRT=1"}), Writes{"hakmem: option HAKMEM_DIRT ignored: no such option\n"});
    EXPECT_EQ(read({"HAKMEM_=1"}), Writes{"hakmem: option HAKMEM_ ignored: no such option\n"});
    EXPECT_EQ(read({"HAKMEM_DIRTY_MIN"}), Writes{"hakmem: option HAKMEM_DIRTY_MIN ignored: no such option\n"});
}

TEST_F(BaseOption, CutsAnEndlessName)
{
    for (size_t length = 30; length < 80; length++) {
        std::string name = "HAKMEM_" + std::string(length, 'X');
        EXPECT_EQ(read({name + "=1"}), Writes{"hakmem: option " + name.substr(0, 63) + " ignored: no such option\n"});
    }
}

TEST_F(BaseOptionDeathTest, RefusesAfterTheSealWhatIsFixedAtTheStart)
{
    auto seal_and_set = [] {
        hak_i_base_options_seal();
        bool as_it_should = hak_i_base_option_set("arena_mb_init", "2") == EPERM &&
                            hak_i_base_options.arena_mb_init == 1 &&
                            hak_i_base_option_set("arena_mb_init", "zwei") == EINVAL &&
                            hak_i_base_option_set("no_such", "2") == ENOENT &&
                            hak_i_base_option_set("dirty_min", "1M") == 0 && hak_i_base_options.dirty_min == MiB &&
                            read({"HAKMEM_CHECK=full"}) == Writes{"hakmem: option HAKMEM_CHECK ignored: too late\n"};
        exit(as_it_should ? 0 : 1);
    };
    EXPECT_EXIT(seal_and_set(), testing::ExitedWithCode(0), "");
}
