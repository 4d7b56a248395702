// SPDX-License-Identifier: MIT
// The page where the system tells nothing, over the fake one.
#include "explained.h"

#include "fake_os/fake_os.h"
#include "front/front_private.h"

#include <gtest/gtest.h>

using namespace hak_test;

TEST(FrontExplainFake, SaysThatTheKernelDoesNot)
{
    void *block = hak_alloc(5000);
    ASSERT_NE(block, nullptr);
    std::string page = explain();
    EXPECT_NE(in_one_line(page).find("the kernel's count of the process's memory cannot be read (/proc/self/smaps), so "
                                     "this is hakmem's own count alone."),
              std::string::npos)
        << page;
    for (const char *from_the_kernel :
         {"Resident by", "By smaps_rollup", "control group", "pages are there", "pages\n"}) {
        EXPECT_EQ(page.find(from_the_kernel), std::string::npos) << page;
    }
    hak_stats stats = {};
    stats.size = sizeof stats;
    ASSERT_EQ(hak_stats_get(&stats), 0);
    EXPECT_EQ(sum_of_parts(page), stats.committed_bytes) << page;
    hak_free(block);
}

TEST(FrontExplainFake, StillSaysWhatWouldHelp)
{
    void *block = hak_alloc(10 << 20);
    ASSERT_NE(block, nullptr);
    hak_free(block);
    EXPECT_NEAR(figure(explain(), "HAKMEM_DIRTY_MIN=0 would give back up to " HAK_AMOUNT), 10 << 20, 1 << 20);
}

TEST(FrontExplainFake, TellsTheControlGroupsLimitAndUse)
{
    fake_os::set_group_bytes(113 << 20);
    EXPECT_NE(explain().find("\nIts control group, with the cached files, uses 113 MiB; it has no limit.\n"),
              std::string::npos)
        << explain();
    fake_os::set_memory_limit_bytes(512 << 20);
    EXPECT_NE(
        explain().find("\nOf the 512 MiB that its control group may use, it uses 113 MiB, with the cached files.\n"),
        std::string::npos)
        << explain();
    fake_os::set_group_bytes(SIZE_MAX);
    EXPECT_NE(explain().find("\nIts control group may use 512 MiB.\n"), std::string::npos) << explain();
    fake_os::set_memory_limit_bytes(SIZE_MAX);
    EXPECT_EQ(explain().find("control group"), std::string::npos) << explain();
}
