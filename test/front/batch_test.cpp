// SPDX-License-Identifier: MIT
// Batches of every composition do what single calls would do.
#include "support.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <set>
#include <thread>

using namespace hak_test;

namespace {

constexpr int SENTINEL = 12345;

/** More than any stack holds, and no multiple of what a slow call moves. */
constexpr size_t MANY = 5003;

/** Counts reports, and keeps the last, while it lives. */
class BatchTest : public testing::Test {
protected:
    void SetUp() override { hak_set_error_handler(&BatchTest::keep, this); }
    void TearDown() override
    {
        hak_set_error_handler(nullptr, nullptr);
        EXPECT_EQ(reports_, 0);
    }

    static void keep(const hak_error *error, void *arg)
    {
        BatchTest &test = *static_cast<BatchTest *>(arg);
        test.reports_++;
        test.kind_ = error->kind;
        test.address_ = error->address;
        void *block[2];
        hak_free_batch(block, hak_alloc_batch(48, 2, block)); // a handler may use batches
    }

    void expect_report(hak_error_kind kind, const void *address)
    {
        EXPECT_EQ(reports_, 1);
        EXPECT_EQ(kind_, kind);
        EXPECT_EQ(address_, address);
        reports_ = 0;
    }

    static std::vector<void *> make(size_t size, size_t count)
    {
        std::vector<void *> blocks(count);
        EXPECT_EQ(hak_alloc_batch(size, count, blocks.data()), count);
        for (void *block : blocks) {
            fill(block, size, address_of(block));
        }
        return blocks;
    }

    static void expect_distinct_and_filled(const std::vector<void *> &blocks, size_t size)
    {
        EXPECT_EQ(std::set<void *>(blocks.begin(), blocks.end()).size(), blocks.size());
        for (void *block : blocks) {
            ASSERT_TRUE(is_filled(block, size, address_of(block)));
        }
    }

    static void free_all(const std::vector<void *> &blocks) { hak_free_batch(blocks.data(), blocks.size()); }

    int reports_ = 0;
    hak_error_kind kind_ = {};
    const void *address_ = nullptr;
};

using FrontBatchMix = BatchTest;
using FrontBatchMisuse = BatchTest;
using FrontBatchThread = BatchTest;

} // namespace

/* ------------------------------------------------------------------------------------------- what comes and goes ----
 */

TEST_F(FrontBatchMix, EveryCountOfEveryClassComesAndGoes)
{
    for (size_t size : {size_t{16}, size_t{100}, size_t{1024}, 2 * KiB, 48 * KiB, 200 * KiB}) {
        for (size_t count : {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 63, 64, 65, 100, 257}) {
            uint64_t live = statistics().live_blocks;
            std::vector<void *> blocks = make(size, count);
            expect_distinct_and_filled(blocks, size);
            EXPECT_EQ(statistics().live_blocks, live + count);
            free_all(blocks);
            EXPECT_EQ(statistics().live_blocks, live);
        }
    }
}

TEST_F(FrontBatchMix, MoreThanAStackHolds)
{
    uint64_t live = statistics().live_blocks;
    for (int round = 0; round < 20; round++) {
        std::vector<void *> blocks = make(64, MANY);
        expect_distinct_and_filled(blocks, 64);
        free_all(blocks);
    }
    EXPECT_EQ(statistics().live_blocks, live);
}

TEST_F(FrontBatchMix, GivesTheNewestFirst)
{
    std::vector<void *> blocks = make(80, 10);
    free_all(blocks);
    std::reverse(blocks.begin(), blocks.end());
    EXPECT_EQ(make(80, 10), blocks);
    free_all(blocks);
}

TEST_F(FrontBatchMix, TakesClassesInAnyOrderWithNullBetween)
{
    Random random(seed_for("FrontBatchMix"));
    uint64_t live = statistics().live_blocks;
    for (int round = 0; round < 300; round++) {
        std::vector<void *> mixed(random.below(400));
        size_t run = 1 + random.below(12), size = 0;
        for (size_t i = 0; i < mixed.size(); i++) {
            if (i % run == 0) {
                size = random.below(random.below(8) == 0 ? 300 * KiB : 1100);
            }
            mixed[i] = random.below(10) == 0 ? nullptr : hak_alloc(size);
        }
        errno = SENTINEL;
        free_all(mixed);
        EXPECT_EQ(errno, SENTINEL);
    }
    EXPECT_EQ(statistics().live_blocks, live);
}

TEST_F(FrontBatchMix, KeepsErrnoWhenAllCame)
{
    std::vector<void *> blocks(MANY);
    errno = SENTINEL;
    ASSERT_EQ(hak_alloc_batch(160, MANY, blocks.data()), MANY);
    free_all(blocks);
    EXPECT_EQ(errno, SENTINEL);
}

TEST_F(FrontBatchMix, AHugeCountOfARefusedSizeEndsAtOnce)
{
    void *block;
    errno = SENTINEL;
    EXPECT_EQ(hak_alloc_batch(opaque(SIZE_MAX), opaque(SIZE_MAX), &block), 0u);
    EXPECT_EQ(errno, ENOMEM);
}

/* ------------------------------------------------------------------------------------------------------ misuse ---- */

TEST_F(FrontBatchMisuse, ABlockFreedTwiceIsNamedAtEveryPlace)
{
    for (size_t place = 0; place < 40; place++) {
        for (size_t distance : {1, 2}) {
            SCOPED_TRACE(std::to_string(place) + ", " + std::to_string(distance) + " on");
            uint64_t live = statistics().live_blocks;
            std::vector<void *> blocks = make(96, 45);
            std::vector<void *> batch = blocks;
            batch.insert(batch.begin() + static_cast<long>(place + distance), batch[place]);
            free_all(batch);
            expect_report(HAK_ERROR_DOUBLE_FREE, blocks[place]);
            EXPECT_EQ(statistics().live_blocks, live);
        }
    }
}

TEST_F(FrontBatchMisuse, ABadPointerLeavesTheOthersFreed)
{
    int foreign = 0;
    for (size_t place = 0; place < 10; place++) {
        uint64_t live = statistics().live_blocks;
        std::vector<void *> blocks = make(96, 10);
        char *interior = static_cast<char *>(blocks[3]) + 16;
        const std::pair<void *, hak_error_kind> mistakes[] = {{&foreign, HAK_ERROR_FOREIGN_POINTER},
                                                              {pointer_to(64), HAK_ERROR_FOREIGN_POINTER},
                                                              {pointer_to(UINTPTR_MAX), HAK_ERROR_FOREIGN_POINTER},
                                                              {interior, HAK_ERROR_INTERIOR_POINTER}};
        for (auto [bad, kind] : mistakes) {
            std::vector<void *> batch = blocks;
            batch.insert(batch.begin() + static_cast<long>(place), bad);
            free_all(batch);
            expect_report(kind, bad);
            EXPECT_EQ(statistics().live_blocks, live);
            ASSERT_EQ(hak_alloc_batch(96, blocks.size(), blocks.data()), blocks.size());
            interior = static_cast<char *>(blocks[3]) + 16;
        }
        free_all(blocks);
    }
}

/* ----------------------------------------------------------------------------------------------------- threads ---- */

TEST_F(FrontBatchThread, BlocksOfOthersAreTakenBetweenOwnOnes)
{
    uint64_t live = statistics().live_blocks;
    std::vector<void *> blocks = make(64, MANY);
    std::thread([&] {
        std::vector<void *> mixed;
        std::vector<void *> own = make(64, MANY);
        for (size_t i = 0; i < MANY; i++) {
            mixed.push_back(blocks[i]);
            if (i % 3 != 0) {
                mixed.push_back(own[i]);
            }
        }
        free_all(mixed);
        for (size_t i = 0; i < MANY; i += 3) {
            hak_free_batch(&own[i], 1);
        }
    }).join();
    free_all(make(64, MANY));
    EXPECT_EQ(statistics().live_blocks, live);
}

TEST_F(FrontBatchThread, TheFirstCallOfAThreadMayBeABatch)
{
    uint64_t live = statistics().live_blocks;
    std::vector<void *> blocks = make(64, 100);
    std::thread([&] { free_all(blocks); }).join();
    std::thread([&] {
        errno = SENTINEL;
        EXPECT_EQ(hak_alloc_batch(64, 0, blocks.data()), 0u);
        hak_free_batch(blocks.data(), 0);
        EXPECT_EQ(hak_alloc_batch(64, blocks.size(), blocks.data()), blocks.size());
        EXPECT_EQ(errno, SENTINEL);
    }).join();
    free_all(blocks);
    EXPECT_EQ(statistics().live_blocks, live);
}

TEST_F(FrontBatchThread, AThreadPastItsEndMayUseBatches)
{
    static pthread_key_t key;
    static std::atomic<int> passes;
    passes = 0;
    hak_free(hak_alloc(64)); // hakmem has its key
    ASSERT_EQ(pthread_key_create(&key,
                                 [](void *) {
                                     if (++passes == 1) {
                                         pthread_setspecific(key, &key); // once more, when hakmem has let go
                                         return;
                                     }
                                     std::vector<void *> blocks = make(64, 300);
                                     expect_distinct_and_filled(blocks, 64);
                                     free_all(blocks);
                                 }),
              0);
    const hak_stats before = statistics();
    std::thread([] {
        hak_free(hak_alloc(64));
        pthread_setspecific(key, &key);
    }).join();
    pthread_key_delete(key);
    EXPECT_EQ(passes, 2);
    const hak_stats after = statistics();
    EXPECT_EQ(after.live_blocks, before.live_blocks);
    EXPECT_EQ(after.heaps - after.idle_heaps, before.heaps - before.idle_heaps) << "no heap is held for ever";
}
