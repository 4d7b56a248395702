// SPDX-License-Identifier: MIT
// The page: its figures against the statistics and the kernel, and the advice where it is known what would help.
#include "explained.h"
#include "support.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <thread>

using namespace hak_test;

namespace {

/** Nothing free at the start, options as they were at the end. */
class FrontExplain : public testing::Test {
protected:
    void SetUp() override
    {
        hak_free(hak_alloc(1)); // or there would be little to tell
        hak_purge(nullptr);
        hak_option_set("reuse_max", "0"); // nothing is kept because other tests needed it
    }
    void TearDown() override
    {
        hak_free_batch(held.data(), held.size());
        held.clear();
        hak_option_set("dirty_percent", "25");
        hak_option_set("dirty_min", "16M");
        hak_option_set("reuse_max", "64M");
    }

    void hold(size_t size, size_t count)
    {
        for (size_t i = 0; i < count; i++) {
            held.push_back(hak_alloc(size));
            memset(held.back(), 1, size);
        }
    }

    /** Frees all but every n-th. */
    void keep_each(size_t n)
    {
        std::vector<void *> kept;
        for (size_t i = 0; i < held.size(); i++) {
            if (i % n == 0) {
                kept.push_back(held[i]);
            } else {
                hak_free(held[i]);
            }
        }
        held = kept;
    }

    std::vector<void *> held;
};

/** What is said of an option: how much it would give back, -1 if it is not named. */
double gain(const std::string &page, const std::string &option)
{
    return figure(page, option + " would give back up to " HAK_AMOUNT);
}

bool says(const std::string &page, const std::string &expression)
{
    return std::regex_search(in_one_line(page), std::regex(expression));
}

} // namespace

TEST_F(FrontExplain, PartsAddUpToWhatIsCommitted)
{
    std::string page = explain();
    EXPECT_EQ(hak_test::sum_of_parts(page), statistics().committed_bytes) << page;
    hold(100, 10000);
    hold(3000, 1000);
    hold(700 * KiB, 10);
    keep_each(3);
    page = explain();
    EXPECT_EQ(hak_test::sum_of_parts(page), statistics().committed_bytes) << page;
    EXPECT_EQ(figure(page, HAK_AMOUNT " committed"), statistics().committed_bytes) << page;
    EXPECT_EQ(figure(page, HAK_AMOUNT " live:"), statistics().live_bytes) << page;
    EXPECT_TRUE(says(page, "committed: all of these together")) << page;
}

TEST_F(FrontExplain, FitsOnAPage)
{
    hold(100, 10000);
    keep_each(4);
    std::string page = explain();
    size_t lines = 0, start = 0;
    for (size_t end = page.find('\n'); end != std::string::npos; end = page.find('\n', start)) {
        EXPECT_LE(end - start, 100u) << page.substr(start, end - start);
        start = end + 1;
        lines++;
    }
    EXPECT_EQ(start, page.size());
    EXPECT_LE(lines, 66u) << page;
}

TEST_F(FrontExplain, ResidentMemoryIsTheKernels)
{
    if (sanitizer) {
        GTEST_SKIP() << "a sanitizer's shadow is part of the resident memory";
    }
    const char *const own = HAK_AMOUNT " of the [^ ]+ [KMG]iB that are resident";
    double before = figure(explain(), own);
    hold(1000, 100000);
    hold(3 * MiB, 20);
    std::string page = explain();
    double written = 100000.0 * 1000 + 20 * 3 * MiB;
    EXPECT_NEAR(figure(page, own) - before, written, written / 20) << page;
    double all = static_cast<double>(resident_bytes());
    EXPECT_NEAR(figure(page, "of the " HAK_AMOUNT " that are resident"), all, all / 20) << page;
    EXPECT_NEAR(figure(page, "By smaps_rollup the process has " HAK_AMOUNT " resident"), all, all / 20) << page;
    EXPECT_NEAR(figure(page, "pages are there for " HAK_AMOUNT " of slabs"), 1e8, 1e7) << page;
    EXPECT_NEAR(figure(page, HAK_AMOUNT " hakmem's blocks"), written, written / 20) << page;
    EXPECT_GE(figure(page, HAK_AMOUNT " hakmem's records"), 1600 * 384) << page; // of the slabs alone
    EXPECT_NEAR(figure(page, HAK_AMOUNT " of large blocks"), 60 * MiB, MiB) << page;
    EXPECT_LE(figure(page, "and for " HAK_AMOUNT " of free spans"), 2 * MiB) << page;
}

TEST_F(FrontExplain, TellsWhichPagesAreOfFreeSpans)
{
    hold(3 * MiB, 20);
    hold(MiB, 12);
    hak_free_batch(held.data() + 20, 12);
    held.resize(20);
    std::string page = explain();
    EXPECT_NEAR(figure(page, "and for " HAK_AMOUNT " of free spans"), 12 * MiB, MiB) << page;
}

TEST_F(FrontExplain, NamesTheShareWhereItKeepsMuch)
{
    held.push_back(hak_alloc(400 * MiB));
    hold(MiB, 60);
    hak_free_batch(held.data() + 1, 60);
    held.resize(1);
    std::string page = explain();
    EXPECT_NEAR(gain(page, "HAKMEM_DIRTY_PERCENT=0"), 44 * MiB, 4 * MiB) << page;
    EXPECT_LT(gain(page, "HAKMEM_DIRTY_MIN=0"), 0) << page;
    uint64_t before = statistics().dirty_bytes;
    hak_option_set("dirty_percent", "0");
    hold(MiB, 1);
    hak_free(held.back());
    held.pop_back();
    EXPECT_GE(before - statistics().dirty_bytes, 44 * MiB);
    EXPECT_LT(gain(explain(), "HAKMEM_DIRTY_PERCENT=0"), 0);
}

TEST_F(FrontExplain, NamesTheLeastWhereItKeepsMuch)
{
    hold(MiB, 14);
    hak_free_batch(held.data(), held.size());
    held.clear();
    std::string page = explain();
    EXPECT_NEAR(gain(page, "HAKMEM_DIRTY_MIN=0"), 13 * MiB, 2 * MiB) << page;
    EXPECT_LT(gain(page, "HAKMEM_DIRTY_PERCENT=0"), 0) << page;
    EXPECT_GE(statistics().dirty_bytes, 13 * MiB);
    hak_purge(nullptr);
    EXPECT_LT(gain(explain(), "HAKMEM_DIRTY_MIN=0"), 0);
}

TEST_F(FrontExplain, PromisesNoMoreThanHasPages)
{
    for (int i = 0; i < 8; i++) {
        held.push_back(hak_alloc(MiB)); // never written
    }
    hold(MiB, 4);
    hak_free_batch(held.data(), held.size());
    held.clear();
    std::string page = explain();
    EXPECT_GE(statistics().dirty_bytes, 12 * MiB);
    EXPECT_NEAR(gain(page, "HAKMEM_DIRTY_MIN=0"), 4 * MiB, MiB) << page;
}

TEST_F(FrontExplain, NamesTheShareWhereItHasNoEnd)
{
    hak_option_set("dirty_percent", "-1");
    hold(MiB, 60);
    hak_free_batch(held.data(), held.size());
    held.clear();
    std::string page = explain();
    EXPECT_NEAR(gain(page, "HAKMEM_DIRTY_PERCENT=0"), 44 * MiB, 4 * MiB) << page;
}

TEST_F(FrontExplain, NamesTheClassWhoseSlabsAreLittleUsed)
{
    hold(200, 100000);
    hold(1000, 500);
    hold(48, 5000);
    keep_each(100);
    hak_purge(nullptr);
    std::string page = explain();
    EXPECT_TRUE(says(page, "most of it in the class of 208 bytes: 1,0[0-9][0-9] live blocks in 31[0-9] slabs")) << page;
    EXPECT_NEAR(figure(page, HAK_AMOUNT " are free in slabs that other blocks keep"), 20.6e6, 1e6) << page;
    double first = figure(page, "block size slabs .* pages " HAK_AMOUNT);
    EXPECT_EQ(first, sanitizer ? first : 208) << page;
}

TEST_F(FrontExplain, TakesSlabsThatAreKeptEmptyForNobodysButItsOwn)
{
    std::thread([] {
        for (size_t size = 160 * KiB; size <= 256 * KiB; size += 32 * KiB) {
            std::vector<void *> blocks(4);
            ASSERT_EQ(hak_alloc_batch(size, blocks.size(), blocks.data()), blocks.size());
            for (void *block : blocks) {
                memset(block, 1, size);
            }
            hak_free_batch(blocks.data(), blocks.size());
        }
    }).join();
    std::string page = explain();
    EXPECT_GE(figure(page, HAK_AMOUNT " in empty slabs\\."), 3 * MiB) << page;
    EXPECT_GE(gain(page, "HAKMEM_DIRTY_MIN=0"), 3 * MiB) << page;
    EXPECT_LT(figure(page, HAK_AMOUNT " are free in slabs that other blocks keep"), MiB) << page;
}

TEST_F(FrontExplain, TakesNoSlabThatAnIdleStackHoldsBlocksOfForAnEmptyOne)
{
    std::vector<void *> left;
    std::thread([&] {
        for (size_t size : class_sizes(KiB)) {
            void *block = hak_alloc(size);
            left.push_back(hak_alloc(size));
            hak_free(block);
        }
    }).join();
    hold(MiB, 8);
    hak_free_batch(held.data(), held.size());
    held = left;
    std::string page = explain();
    double put_away = figure(page, "The same bound counts " HAK_AMOUNT " of slabs that idle stacks hold blocks of\\.");
    EXPECT_GE(put_away, 256 * KiB) << page;
    EXPECT_LT(figure(page, "never used in slabs, " HAK_AMOUNT " of it in empty ones"), put_away / 2) << page;
    EXPECT_LT(figure(page, "BigCache, " HAK_AMOUNT " in empty slabs\\."), put_away / 2) << page;
    double free = figure(page, HAK_AMOUNT " of free memory, with pages");
    EXPECT_NEAR(free, static_cast<double>(statistics().dirty_bytes), 128 * KiB) << page;
    hak_purge(nullptr);
    EXPECT_LT(figure(explain(), "The same bound counts " HAK_AMOUNT), 0);
}

TEST_F(FrontExplain, NamesFewBlocksThatKeepManyPages)
{
    hold(1024, 64 * 1024);
    keep_each(1024);
    std::string page = explain();
    EXPECT_GE(figure(page, "In " HAK_AMOUNT " of the [0-9]+ pieces of 2 MiB"), 31) << page;
    EXPECT_GE(figure(page, "less than a 16th: " HAK_AMOUNT " blocks"), 62) << page;
    EXPECT_GE(figure(page, "together keep pages of " HAK_AMOUNT), 31 * 128 * KiB) << page;
    hak_purge(nullptr);
    EXPECT_LT(figure(explain(), "together keep pages of " HAK_AMOUNT), 0) << "only theirs are left";
}

TEST_F(FrontExplain, NamesTheStacksOfThreads)
{
    constexpr size_t THREADS = 8;
    std::atomic<size_t> filled{0};
    std::atomic<bool> told{false};
    std::vector<std::thread> threads;
    for (size_t i = 0; i < THREADS; i++) {
        threads.emplace_back([&] {
            for (size_t size = 1 * KiB; size <= 32 * KiB; size += KiB) {
                std::vector<void *> blocks(16);
                ASSERT_EQ(hak_alloc_batch(size, blocks.size(), blocks.data()), blocks.size());
                hak_free_batch(blocks.data(), blocks.size());
            }
            filled++;
            while (!told) {
                std::this_thread::yield();
            }
        });
    }
    while (filled != THREADS) {
        std::this_thread::yield();
    }
    std::string page = explain();
    double cached = static_cast<double>(statistics().cached_bytes);
    told = true;
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_GT(cached, 4 * MiB);
    EXPECT_NEAR(figure(page, HAK_AMOUNT " are free on the stacks of"), cached, cached / 20) << page;
    EXPECT_LT(figure(explain(), HAK_AMOUNT " are free on the stacks of"), MiB);
}

TEST_F(FrontExplain, NamesWhatWaitsForItsOwner)
{
    hold(64, 100000);
    std::thread([&] { hak_free_batch(held.data(), held.size()); }).join();
    held.clear();
    std::string page = explain();
    EXPECT_NEAR(figure(page, HAK_AMOUNT " were freed by other threads and wait"), 6.4e6, 1e6) << page;
}

TEST_F(FrontExplain, SaysTruthfullyThatAPurgeTakesAllOfThat)
{
    hold(64, 100000);
    void *in_use = held.back();
    held.pop_back();
    std::string page;
    hak_purge_report report = {};
    std::thread([&] {
        hak_free_batch(held.data(), held.size());
        hak_free(hak_alloc(64));
        page = explain();
        report.size = sizeof report;
        hak_purge(&report);
    }).join();
    held = {in_use};
    EXPECT_TRUE(says(page, "hak_purge\\(\\) collects what has arrived, and gives back what is free as a whole then")) << page;
    EXPECT_EQ(report.pending_bytes, 0u);
    EXPECT_GE(report.returned_bytes, 6 * MiB);
    EXPECT_GE(report.other_heaps_bytes, report.pending_bytes);
}

TEST_F(FrontExplain, NamesTheClassThatRoundsUpMost)
{
    hold(1030, 50000);
    std::string page = explain();
    EXPECT_NEAR(figure(page, "About " HAK_AMOUNT " of live was not asked for"), 250.0 * 50000, 2e6) << page;
    EXPECT_TRUE(says(page, "most of it in the class of 1,280 bytes, of which requests ask for 1,[01][0-9][0-9]"))
        << page;
}

TEST_F(FrontExplain, TheWriterMayUseHakmem)
{
    struct Use {
        std::vector<void *> blocks;
        bool told_again = false;
    } use;
    hak_explain(
        [](void *arg, const char *text, size_t length) {
            Use *user = static_cast<Use *>(arg);
            for (size_t size : {length, 100 * length, 10000 * length}) {
                user->blocks.push_back(hak_alloc(size));
                memcpy(user->blocks.back(), text, length);
            }
            hak_free(user->blocks.front());
            user->blocks.erase(user->blocks.begin());
            hak_purge(nullptr);
            if (!user->told_again) {
                user->told_again = true;
                EXPECT_NE(explain().find("committed: all of these together"), std::string::npos);
            }
            std::thread([] { hak_free(hak_alloc(500)); }).join();
        },
        &use);
    EXPECT_GT(use.blocks.size(), 40u);
    hak_free_batch(use.blocks.data(), use.blocks.size());
}

TEST_F(FrontExplain, AllocatesNothingAndKeepsErrno)
{
    auto count_lines = [](void *arg, const char *, size_t) { ++*static_cast<int *>(arg); };
    int lines = 0;
    hak_stats before = statistics();
    errno = ERANGE;
    hak_explain(count_lines, &lines);
    EXPECT_EQ(errno, ERANGE);
    EXPECT_GT(lines, 20);
    hak_stats after = statistics();
    EXPECT_EQ(memcmp(&before, &after, sizeof before), 0);
}

TEST_F(FrontExplain, TellsWhileThreadsAreAtWork)
{
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 3; i++) {
        threads.emplace_back([&, i] {
            Random random(i);
            std::vector<void *> blocks(500);
            while (!stop) {
                void *&block = blocks[random.below(blocks.size())];
                hak_free(block);
                block = hak_alloc(random.below(random.below(8) == 0 ? 600 * KiB : 3 * KiB));
            }
            hak_free_batch(blocks.data(), blocks.size());
        });
    }
    for (int i = 0; i < 100; i++) {
        std::string page = explain();
        ASSERT_TRUE(says(page, "committed(: all of these together|; the parts differ)")) << page;
        ASSERT_FALSE(says(page, "[0-9]{1,3}(,[0-9]{3}){5}|[0-9],[0-9]{3},[0-9]{3} TiB")) << page; // below 0
    }
    stop = true;
    for (std::thread &thread : threads) {
        thread.join();
    }
}
