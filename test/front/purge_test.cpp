// SPDX-License-Identifier: MIT
// Memory goes back to the system: without being asked down to a bound, and all that can be when asked.
#include "support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

using namespace hak_test;

namespace {

/** Resident memory says nothing of hakmem where a sanitizer's shadow is part of it. */
#define SKIP_WHERE_RESIDENT_MEMORY_MISLEADS()                                                                          \
    if (sanitizer) {                                                                                                   \
        GTEST_SKIP() << "a sanitizer's shadow is part of the resident memory";                                         \
    }

/** Blocks of 16 to 256 bytes, `bytes` in all, each written; the list's own memory is resident before. */
class SmallBlocks {
public:
    explicit SmallBlocks(size_t bytes) : bytes_(bytes), blocks_(bytes / 100) {}

    void allocate()
    {
        Random random(1);
        size_t held = 0;
        for (count_ = 0; held < bytes_; count_++) {
            size_t size = 16 + random.below(241);
            blocks_.at(count_) = hak_alloc(size);
            memset(blocks_[count_], 1, size);
            held += size;
        }
    }

    void shuffle() { std::shuffle(blocks_.begin(), blocks_.begin() + static_cast<long>(count_), std::minstd_rand(1)); }

    void free_all() { hak_free_batch(blocks_.data(), count_); }

private:
    size_t bytes_, count_ = 0;
    std::vector<void *> blocks_;
};

/** Starts with nothing free; while it lives, nothing is kept beyond the plain bound, however soon memory is re-used. */
class FrontPurge : public testing::Test {
protected:
    void SetUp() override
    {
        hak_purge(nullptr);
        ASSERT_EQ(hak_option_get("reuse_max", reuse_max_, sizeof reuse_max_), 0);
        ASSERT_EQ(hak_option_set("reuse_max", "0"), 0);
    }
    void TearDown() override { EXPECT_EQ(hak_option_set("reuse_max", reuse_max_), 0); }

    char reuse_max_[32];
};

} // namespace

TEST_F(FrontPurge, SmallBlocksLeaveLittleResident)
{
    SKIP_WHERE_RESIDENT_MEMORY_MISLEADS();
    SmallBlocks blocks(256 * MiB);
    size_t before = resident_bytes();
    blocks.allocate();
    ASSERT_GT(resident_bytes(), before + 256 * MiB);
    blocks.free_all();
    size_t without_call = resident_bytes();
    EXPECT_LT(without_call, before + 40 * MiB);
    size_t returned = hak_purge(nullptr);
    EXPECT_GT(returned, 0u);
    EXPECT_LT(resident_bytes(), without_call);
    EXPECT_LT(resident_bytes(), before + 12 * MiB);
}

TEST_F(FrontPurge, SmallBlocksFreedInAnyOrderLeaveLittleAfterThePurge)
{
    SKIP_WHERE_RESIDENT_MEMORY_MISLEADS();
    SmallBlocks blocks(256 * MiB);
    size_t before = resident_bytes();
    blocks.allocate();
    blocks.shuffle();
    blocks.free_all();
    hak_purge(nullptr);
    EXPECT_LT(resident_bytes(), before + 12 * MiB);
}

TEST_F(FrontPurge, SmallBlocksOfAnEndedThreadLeaveLittleAfterThePurge)
{
    SKIP_WHERE_RESIDENT_MEMORY_MISLEADS();
    SmallBlocks blocks(128 * MiB);
    size_t before = resident_bytes();
    std::thread([&] { blocks.allocate(); }).join();
    blocks.shuffle();
    blocks.free_all();
    hak_purge(nullptr);
    EXPECT_LT(resident_bytes(), before + 12 * MiB);
}

TEST_F(FrontPurge, FreePagesAmongBlocksInUseGoBack)
{
    SKIP_WHERE_RESIDENT_MEMORY_MISLEADS();
    std::vector<void *> blocks(64 * KiB), kept;
    kept.reserve(blocks.size());
    size_t before = resident_bytes();
    ASSERT_EQ(hak_alloc_batch(KiB, blocks.size(), blocks.data()), blocks.size());
    for (size_t i = 0; i < blocks.size(); i++) {
        fill(blocks[i], KiB, i);
    }
    for (size_t i = 0; i < blocks.size(); i++) {
        if (i % 64 == 0) {
            kept.push_back(blocks[i]);
        } else {
            hak_free(blocks[i]);
        }
    }
    EXPECT_GT(resident_bytes(), before + 48 * MiB);
    EXPECT_GT(hak_purge(nullptr), 48 * MiB);
    EXPECT_LT(resident_bytes(), before + 8 * MiB) << "a page for each block, and tables";
    EXPECT_LT(hak_purge(nullptr), MiB) << "they are gone";
    for (size_t i = 0; i < kept.size(); i++) {
        EXPECT_TRUE(is_filled(kept[i], KiB, i * 64));
    }
    hak_free_batch(kept.data(), kept.size());
}

TEST_F(FrontPurge, LargeBlocksLeaveLittleResident)
{
    SKIP_WHERE_RESIDENT_MEMORY_MISLEADS();
    size_t before = resident_bytes();
    for (size_t size : {2 * MiB, 5 * MiB, 70 * MiB}) {
        std::vector<void *> blocks;
        for (size_t held = 0; held < 200 * MiB; held += size) {
            blocks.push_back(hak_alloc(size));
            memset(blocks.back(), 1, size);
        }
        hak_free_batch(blocks.data(), blocks.size());
        EXPECT_LT(resident_bytes(), before + 40 * MiB) << size;
    }
    hak_purge(nullptr);
    EXPECT_LT(resident_bytes(), before + 6 * MiB);
}

TEST_F(FrontPurge, DirtyMemoryStaysBounded)
{
    for (size_t size : {size_t{100}, 3 * KiB, 20 * KiB, 200 * KiB, 2 * MiB}) {
        std::vector<void *> blocks;
        for (size_t held = 0; held < 100 * MiB; held += size) {
            blocks.push_back(hak_alloc(size));
            memset(blocks.back(), 1, size);
        }
        while (!blocks.empty()) {
            size_t keep = blocks.size() - std::min<size_t>(blocks.size(), 2 * MiB / size + 1);
            hak_free_batch(blocks.data() + keep, blocks.size() - keep);
            blocks.resize(keep);
            hak_stats stats = statistics();
            ASSERT_LE(stats.dirty_bytes, std::max<uint64_t>(16 * MiB, stats.live_bytes / 4) + 1 * MiB) << size;
        }
    }
}

TEST_F(FrontPurge, ReportsWhatItDid)
{
    void *block = hak_alloc(8 * MiB);
    memset(block, 1, 8 * MiB);
    hak_free(block);
    hak_stats before = statistics();
    hak_purge_report report = {};
    report.size = sizeof report;
    size_t returned = hak_purge(&report);
    hak_stats after = statistics();
    EXPECT_EQ(report.returned_bytes, returned);
    EXPECT_GE(returned, before.dirty_bytes);
    EXPECT_EQ(after.purged_bytes, before.purged_bytes + returned);
    EXPECT_EQ(after.dirty_bytes, 0u);
    EXPECT_EQ(hak_purge(&report), 0u);
    EXPECT_EQ(report.returned_bytes, 0u);
}

TEST_F(FrontPurge, ReportsWhatIsOutOfReach)
{
    std::vector<void *> blocks(4096);
    ASSERT_EQ(hak_alloc_batch(64, blocks.size(), blocks.data()), blocks.size());
    for (size_t i = 0; i < blocks.size(); i++) {
        if (i % 4 != 0) {
            hak_free(blocks[i]);
            blocks[i] = nullptr;
        }
    }
    hak_purge_report report = {};
    report.size = sizeof report;
    hak_purge(&report);
    EXPECT_GE(report.partial_slab_bytes, 3 * 64 * blocks.size() / 4);
    hak_free_batch(blocks.data(), blocks.size());
}

TEST_F(FrontPurge, FillsInNoMoreThanTheCallersStruct)
{
    hak_purge_report report;
    memset(&report, 0x77, sizeof report);
    report.size = offsetof(hak_purge_report, other_heaps_bytes);
    uint64_t untouched = report.other_heaps_bytes;
    EXPECT_EQ(hak_purge(&report), report.returned_bytes);
    EXPECT_EQ(report.other_heaps_bytes, untouched);
    EXPECT_EQ(report.partial_slab_bytes, untouched);
}

TEST_F(FrontPurge, LeavesHeldBlocksAlone)
{
    std::vector<void *> blocks;
    for (size_t size : edge_sizes(2 * MiB)) {
        blocks.push_back(hak_alloc(size));
        fill(blocks.back(), size, size);
        void *freed = hak_alloc(size);
        memset(freed, 1, size);
        hak_free(freed);
    }
    hak_purge(nullptr);
    const std::vector<size_t> sizes = edge_sizes(2 * MiB);
    for (size_t i = 0; i < blocks.size(); i++) {
        EXPECT_TRUE(is_filled(blocks[i], sizes[i], sizes[i]));
        hak_free(blocks[i]);
    }
}
