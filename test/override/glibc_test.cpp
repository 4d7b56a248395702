// SPDX-License-Identifier: MIT
// glibc's additions: mallinfo(3), malloc_info(3), malloc_stats(3), malloc_trim(3), mallopt(3).
#include "entries.h"

#include <gtest/gtest.h>

#include <climits>
#include <regex>
#include <sstream>

extern "C" int __libc_mallopt(int parameter, int value);
extern "C" struct mallinfo __libc_mallinfo(void);

using namespace hak_test;

namespace {

#define NAME_OF(field, unit, sentence) #field,
const char *const STATISTICS[] = {HAK_STATS(NAME_OF)};
#undef NAME_OF

/** What mallinfo() makes of a number of mallinfo2(). */
int saturated(size_t number)
{
    return number > INT_MAX ? INT_MAX : static_cast<int>(number);
}

struct mallinfo mallinfo_of_ints()
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" // for its ints
    return mallinfo();
#pragma GCC diagnostic pop
}

std::vector<void *> make_blocks(size_t count, size_t size)
{
    std::vector<void *> blocks(count);
    for (void *&block : blocks) {
        block = malloc(size);
        memset(block, 1, size);
    }
    return blocks;
}

void free_all(const std::vector<void *> &blocks)
{
    for (void *block : blocks) {
        free(block);
    }
}

std::string info_as_text(int options, int *result)
{
    char *text = nullptr;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    *result = malloc_info(options, stream);
    fclose(stream);
    std::string copy(text, length);
    free(text);
    return copy;
}

} // namespace

/* -------------------------------------------------------------------------------------------------- mallinfo ---- */

TEST(OverrideMallinfo, IsWhatTheStatisticsSay)
{
    std::vector<void *> blocks = make_blocks(1000, 300);
    void *large = malloc(9 * MiB);
    for (size_t i = 0; i < blocks.size(); i += 3) {
        free(blocks[i]);
        blocks[i] = nullptr;
    }
    free(malloc(5 * MiB));
    hak_stats stats = statistics();
    struct mallinfo2 info = mallinfo2();
    EXPECT_EQ(info.arena, stats.committed_bytes - stats.large_bytes);
    EXPECT_EQ(info.hblks, stats.large_blocks);
    EXPECT_EQ(info.hblkhd, stats.large_bytes);
    EXPECT_EQ(info.uordblks + info.fordblks, info.arena);
    EXPECT_EQ(info.fordblks,
              stats.cached_bytes + stats.partial_bytes + stats.remote_bytes + stats.clean_bytes + stats.dirty_bytes);
    EXPECT_EQ(info.fsmblks, stats.cached_bytes);
    EXPECT_EQ(info.keepcost, stats.dirty_bytes);
    EXPECT_EQ(info.ordblks + info.smblks + info.usmblks, 0u);
    EXPECT_GT(info.fsmblks, 0u);
    EXPECT_GT(info.keepcost, 0u);
    EXPECT_GE(info.hblkhd, 9 * MiB);
    free(large);
    free_all(blocks);
}

TEST(OverrideMallinfo, MovesWithUse)
{
    struct mallinfo2 before = mallinfo2();
    std::vector<void *> blocks = make_blocks(10000, 1000);
    void *large = malloc(40 * MiB);
    struct mallinfo2 used = mallinfo2();
    free_all(blocks);
    free(large);
    struct mallinfo2 after = mallinfo2();

    EXPECT_GE(used.uordblks, before.uordblks + 10000 * 1000);
    EXPECT_EQ(used.hblks, before.hblks + 1);
    EXPECT_GE(used.hblkhd, before.hblkhd + 40 * MiB);
    EXPECT_LE(after.uordblks + 9 * MiB, used.uordblks);
    EXPECT_EQ(after.hblks, before.hblks);
    EXPECT_EQ(after.hblkhd, before.hblkhd);
    EXPECT_GT(after.fordblks, used.fordblks);
}

TEST(OverrideMallinfo, InIntsIsTheSameUpToIntMax)
{
    for (size_t size : {size_t{100}, 40 * MiB, 3072 * MiB}) {
        void *block = malloc(size);
        ASSERT_NE(block, nullptr);
        struct mallinfo2 wide = mallinfo2();
        for (const struct mallinfo &info : {mallinfo_of_ints(), __libc_mallinfo()}) {
            EXPECT_EQ(info.arena, saturated(wide.arena));
            EXPECT_EQ(info.hblks, saturated(wide.hblks));
            EXPECT_EQ(info.hblkhd, saturated(wide.hblkhd));
            EXPECT_EQ(info.uordblks, saturated(wide.uordblks));
            EXPECT_EQ(info.fordblks, saturated(wide.fordblks));
            EXPECT_EQ(info.fsmblks, saturated(wide.fsmblks));
            EXPECT_EQ(info.keepcost, saturated(wide.keepcost));
            EXPECT_EQ(info.hblkhd == INT_MAX, size > INT_MAX);
        }
        free(block);
    }
}

/* -------------------------------------------------------------------------------------------- text for people ---- */

TEST(OverrideMallocInfo, WritesWellFormedXml)
{
    int result = -1;
    std::istringstream lines(info_as_text(0, &result));
    EXPECT_EQ(result, 0);
    std::string line;
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(line, std::string("<malloc version=\"hakmem-") + hak_version() + "\">");
    std::smatch found;
    for (const char *name : STATISTICS) {
        ASSERT_TRUE(std::getline(lines, line));
        std::regex element(std::string("<") + name + " unit=\"(bytes|count)\" value=\"([0-9]+)\"/>");
        ASSERT_TRUE(std::regex_match(line, found, element)) << line;
        EXPECT_TRUE(strcmp(name, "committed_bytes") != 0 || found[2] != "0");
    }
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(line, "</malloc>");
    EXPECT_FALSE(std::getline(lines, line));
}

TEST(OverrideMallocInfo, RefusesOptions)
{
    for (int options : {1, -1, INT_MAX}) {
        int result = 0;
        EXPECT_EQ(info_as_text(options, &result), "");
        EXPECT_EQ(result, EINVAL);
    }
}

TEST(OverrideMallocStats, WritesEveryStatisticToStandardError)
{
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    malloc_stats();
    std::string text = testing::internal::GetCapturedStderr();
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
    EXPECT_EQ(text.rfind(std::string("hakmem ") + hak_version() + "\n", 0), 0u);
    for (const char *name : STATISTICS) {
        EXPECT_TRUE(std::regex_search(text, std::regex(std::string("\n") + name + " +[0-9]+ (bytes|count) "))) << name;
    }
}

/* ---------------------------------------------------------------------------------------------------- tuning ---- */

TEST(OverrideMallocTrim, GivesBackUntilNothingIsLeft)
{
    free_all(make_blocks(20000, 1000));
    uint64_t purged = statistics().purged_bytes;
    EXPECT_EQ(malloc_trim(0), 1);
    EXPECT_GT(statistics().purged_bytes, purged);
    int calls = 0;
    while (malloc_trim(1 * MiB) != 0) {
        ASSERT_LT(++calls, 10);
    }
}

TEST(OverrideMallopt, AcceptsEverythingAndChangesNothing)
{
    for (int parameter : {M_MXFAST, M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_CHECK_ACTION,
                          M_PERTURB, M_ARENA_TEST, M_ARENA_MAX, 12345}) {
        EXPECT_EQ(mallopt(parameter, 1), 1);
        EXPECT_EQ(__libc_mallopt(parameter, 1), 1);
    }
    char *block = static_cast<char *>(calloc(100, 1)); // M_PERTURB would fill it
    EXPECT_TRUE(is_zero(block, 100));
    free(block);
}
