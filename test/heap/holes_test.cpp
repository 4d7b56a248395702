// SPDX-License-Identifier: MIT
// Free blocks of slabs in use: which count as free written memory, and when their pages go back.
#include "base/option.h"
#include "heap/machine.h"

using namespace hak_test;

namespace {

constexpr unsigned CLASS_10K = HAK_TINY_CLASS_COUNT + 12;

class HeapHoles : public HeapTest {
protected:
    void SetUp() override
    {
        hak_i_base_options.dirty_min = 4 * HAK_MIB;
        hak_i_base_options.dirty_percent = 0;
        hak_i_base_options.reuse_max = 0;
        hak_i_base_options.thp = HAK_THP_NEVER;
    }

    void TearDown() override { hak_i_base_options = before_; }

    /** Every second of so many neighbours is free in its slab, and nothing on the stack. */
    std::vector<void *> every_second(hak_heap *heap, unsigned class_index, size_t count)
    {
        std::vector<void *> blocks = machine_.alloc_many(heap, class_index, count), kept;
        std::sort(blocks.begin(), blocks.end());
        for (size_t i = 0; i < blocks.size(); i++) {
            memset(blocks[i], 1, hak_i_slab_classes[class_index].block_bytes);
            if (i % 2 == 0) {
                kept.push_back(blocks[i]);
            } else {
                machine_.free(heap, blocks[i]);
            }
        }
        flush(heap);
        return kept;
    }
    static void flush(hak_heap *heap)
    {
        hak_i_heap_enter(heap);
        hak_i_stacks_flush_all(heap);
        hak_i_heap_leave(heap);
    }
    std::vector<void *> every_second(unsigned class_index, size_t count)
    {
        return every_second(heap_, class_index, count);
    }

    size_t counted() const { return machine_.arena.hole_bytes; }
    static bool reads_as(const void *block, size_t bytes, unsigned char value)
    {
        const auto *at = static_cast<const unsigned char *>(block);
        return std::all_of(at, at + bytes, [&](unsigned char byte) { return byte == value; });
    }

    const hak_options before_ = hak_i_base_options;
};

} // namespace

TEST_F(HeapHoles, FreeBlocksOfTwoPagesAndMoreCount)
{
    every_second(CLASS_8K, 32);
    EXPECT_EQ(counted(), 16u * 8 * HAK_KIB);
    every_second(CLASS_64K, 16);
    EXPECT_EQ(counted(), 16u * 8 * HAK_KIB + 8u * 64 * HAK_KIB);
}

TEST_F(HeapHoles, OfABlockOfTwoPagesAndAHalfTwoCount)
{
    every_second(CLASS_10K, 12); // a slab
    EXPECT_EQ(counted(), 6u * 8 * HAK_KIB);
}

TEST_F(HeapHoles, FreeBlocksOfLessDoNot)
{
    every_second(CLASS_4K, 64);
    EXPECT_EQ(counted(), 0u);
}

TEST_F(HeapHoles, WhatIsTakenAgainCountsNoLonger)
{
    every_second(CLASS_64K, 16);
    alloc_many(CLASS_64K, 8);
    EXPECT_EQ(counted(), 0u);
    EXPECT_EQ(fake_os::purged_bytes(), 0u);
}

TEST_F(HeapHoles, AnEmptySlabThatIsKeptCountsAsRetainedAlone)
{
    std::vector<void *> blocks = every_second(CLASS_64K, 8);
    EXPECT_EQ(counted(), 4u * 64 * HAK_KIB);
    free_all(blocks);
    flush(heap_);
    EXPECT_EQ(counted(), 0u);
    EXPECT_EQ(machine_.arena.retained_bytes, 512u * HAK_KIB);
    alloc(CLASS_64K);
    EXPECT_EQ(machine_.arena.retained_bytes, 0u);
    EXPECT_LE(counted(), 7u * 64 * HAK_KIB);
}

TEST_F(HeapHoles, PastTheBoundTheyGoBackAndReadAs0)
{
    std::vector<void *> kept = every_second(CLASS_64K, 256);
    EXPECT_LE(counted(), 4 * HAK_MIB);
    EXPECT_GE(counted(), 3 * HAK_MIB);
    EXPECT_EQ(counted() + fake_os::purged_bytes(), 128u * 64 * HAK_KIB);
    for (void *block : kept) {
        EXPECT_TRUE(reads_as(block, 64 * HAK_KIB, 1)) << "in use";
    }
    size_t cleared = 0;
    for (void *block : alloc_many(CLASS_64K, 128)) {
        cleared += reads_as(block, 64 * HAK_KIB, 0);
    }
    EXPECT_EQ(cleared * 64 * HAK_KIB, fake_os::purged_bytes());
}

TEST_F(HeapHoles, WhatLiesSideBySideGoesBackAtOnce)
{
    std::vector<void *> blocks = alloc_many(CLASS_8K, 2048);
    std::sort(blocks.begin(), blocks.end());
    for (size_t i = 0; i < blocks.size(); i++) {
        if (i % 16 != 0) {
            free(blocks[i]);
        }
    }
    hak_i_heap_purge(heap_);
    EXPECT_EQ(counted(), 0u);
    EXPECT_LE(fake_os::calls(HAK_OS_PURGE).size(), 2 * 128u + 16);
}

TEST_F(HeapHoles, ThePageThatABlockInUseSharesStays)
{
    std::vector<void *> kept = every_second(CLASS_10K, 12);
    EXPECT_EQ(hak_i_heap_purge(heap_), 6u * 8 * HAK_KIB);
    for (void *block : kept) {
        EXPECT_TRUE(reads_as(block, 10 * HAK_KIB, 1));
    }
}

TEST_F(HeapHoles, APurgeTakesTheFreePagesAmongSmallBlocks)
{
    std::vector<void *> blocks = alloc_many(CLASS_128, 512); // a slab
    std::sort(blocks.begin(), blocks.end());
    for (size_t i = 0; i < 256; i++) {
        memset(blocks[i], 1, 128);
    }
    free_all({blocks.begin(), blocks.begin() + 256});
    for (size_t i = 256; i < 512; i++) {
        memset(blocks[i], 1, 128);
    }
    EXPECT_EQ(hak_i_heap_purge(heap_), 32u * HAK_KIB);
    for (size_t i = 256; i < 512; i++) {
        EXPECT_TRUE(reads_as(blocks[i], 128, 1));
    }
}

TEST_F(HeapHoles, WhatIsNeededAgainSoonIsKeptTheNextTime)
{
    hak_i_base_options.reuse_max = 64 * HAK_MIB;
    every_second(CLASS_64K, 256);
    ASSERT_NE(fake_os::purged_bytes(), 0u);
    alloc_many(CLASS_64K, 128);
    EXPECT_EQ(machine_.arena.repurchased_units << HAK_UNIT_SHIFT, fake_os::purged_bytes());
    EXPECT_GE(machine_.arena.credit_units << HAK_UNIT_SHIFT, 4 * HAK_MIB);
}

TEST_F(HeapHoles, SpansGoBackWhileHolesAreFew)
{
    std::vector<void *> kept = every_second(CLASS_64K, 32);
    size_t holes = counted();
    std::vector<void *> others = alloc_many(CLASS_256K, 64);
    free_all(others);
    flush(heap_);
    EXPECT_GE(counted(), holes);
    EXPECT_LE(counted() + (machine_.arena.dirty_units << HAK_UNIT_SHIFT) + machine_.arena.retained_bytes, 4 * HAK_MIB);
}

TEST_F(HeapHoles, TheyGoWithTheirSlabToAnotherHeap)
{
    hak_heap *other = machine_.claim();
    std::vector<void *> kept = every_second(other, CLASS_64K, 16);
    size_t before = counted();
    ASSERT_NE(before, 0u);
    hak_i_heap_release(other);
    Machine::let_rest();
    alloc(CLASS_64K);
    EXPECT_EQ(heap_->counts.handovers, 2u);
    EXPECT_LT(counted(), before);
    EXPECT_EQ(other->newest_holes, nullptr);
    hak_i_heap_purge(heap_);
    EXPECT_EQ(counted(), 0u);
}

TEST_F(HeapHoles, IdleHeapsAreReached)
{
    hak_heap *other = machine_.claim();
    every_second(other, CLASS_64K, 16);
    hak_i_heap_release(other);
    EXPECT_EQ(hak_i_heaps_purge_idle(&machine_.heaps), 8u * 64 * HAK_KIB);
    EXPECT_EQ(counted(), 0u);
}

TEST_F(HeapHoles, ASystemThatRefusesIsNotAskedAgain)
{
    fake_os::fail_from(1, HAK_OS_PURGE);
    every_second(CLASS_64K, 256);
    EXPECT_EQ(counted(), 128u * 64 * HAK_KIB);
    EXPECT_LE(fake_os::calls(HAK_OS_PURGE).size(), 2u);
    EXPECT_FALSE(hak_i_arena_is_over_bound(&machine_.arena)) << "nor locked for it at each slow call";
}

TEST_F(HeapHoles, FollowABoundThatFellAtTheNextSlowCall)
{
    hak_i_base_options.dirty_min = 0;
    hak_i_base_options.dirty_percent = 25;
    constexpr size_t UNITS = 16 * HAK_MIB / HAK_UNIT_BYTES;
    bool clean;
    size_t first = hak_i_arena_acquire(&machine_.arena, UNITS, 1, &clean);
    every_second(CLASS_64K, 32);
    size_t before = counted();
    ASSERT_GE(before, HAK_MIB);
    hak_i_arena_release(&machine_.arena, first, UNITS, 0);
    alloc(CLASS_128);
    EXPECT_LT(counted(), before);
    EXPECT_LE(counted(), machine_.arena.last_bound_units << HAK_UNIT_SHIFT);
}

TEST_F(HeapHoles, ThoseOfASleepingThreadFollowABoundThatFell)
{
    hak_i_base_options.dirty_min = 0;
    hak_i_base_options.dirty_percent = 25;
    constexpr size_t UNITS = 16 * HAK_MIB / HAK_UNIT_BYTES;
    bool clean;
    hak_heap *sleeper = machine_.claim();
    size_t first = hak_i_arena_acquire(&machine_.arena, UNITS, 1, &clean);
    every_second(sleeper, CLASS_64K, 32);
    size_t before = counted();
    ASSERT_GE(before, HAK_MIB);
    hak_i_arena_release(&machine_.arena, first, UNITS, 0);
    sleeper->busy = true;
    alloc(CLASS_128);
    EXPECT_EQ(counted(), before) << "its thread was at slow work";
    sleeper->busy = false;
    alloc(CLASS_64);
    EXPECT_EQ(counted(), before) << "it is not looked at again so soon";
    fake_os::advance_ms(10);
    alloc(CLASS_32);
    EXPECT_LE(counted(), machine_.arena.last_bound_units << HAK_UNIT_SHIFT);
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapHoles, ThoseOfIdleHeapsGoBackWhereThisHeapHasTooFew)
{
    hak_heap *other = machine_.claim();
    every_second(other, CLASS_64K, 96);
    hak_i_heap_release(other);
    size_t idle = counted();
    EXPECT_EQ(machine_.heaps.idle_hole_bytes, idle);
    ASSERT_GT(idle, 2 * HAK_MIB);
    every_second(CLASS_64K, 8);
    ASSERT_GT(counted(), idle);
    hak_i_base_options.dirty_min = HAK_MIB;
    hak_i_arena_settle(&machine_.arena);
    alloc(CLASS_128);
    EXPECT_EQ(counted(), machine_.heaps.idle_hole_bytes);
    EXPECT_LE(counted(), HAK_MIB);
}
