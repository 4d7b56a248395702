// SPDX-License-Identifier: MIT
// Large blocks that are written everywhere: how that is learned, and what asks for huge pages then.
#include "arena/random_use.h"
#include "base/bitmap.h"

using namespace hak_test;

namespace {

constexpr size_t PAGE_BYTES = 2 * MiB;

class ArenaDense : public ArenaTest {
protected:
    void SetUp() override
    {
        fake_os::set_physical_bytes(256 * MiB);
        ASSERT_TRUE(start());
    }

    /** A heap of 60 MiB that has freed some blocks; the next block finds no written run. */
    void free_blocks(size_t count)
    {
        while (blocks.size() < 12) {
            blocks.push_back(space->large(5 * MiB));
            ASSERT_NE(blocks.back(), nullptr);
        }
        for (size_t i = 0; i < count; i++) {
            ASSERT_TRUE(space->free_large(blocks[i]));
        }
        hak_i_arena_purge(&space->arena);
        fake_os::forget_calls();
    }
    /** So much of each was written. */
    void free_blocks_written(unsigned percent, size_t count = 4)
    {
        fake_os::set_paged_percent(percent);
        free_blocks(count);
    }

    static std::vector<fake_os::Call> advice() { return fake_os::calls(HAK_OS_ADVISE); }

    size_t huge_pages_in(const void *block, size_t bytes) const
    {
        size_t first = space->unit_of(block), end = first + bytes / UNIT;
        size_t first_page = hak_round_up(first, HAK_HUGE_UNITS) / HAK_HUGE_UNITS;
        return hak_bitmap_count(space->arena.huge, first_page, end / HAK_HUGE_UNITS - first_page);
    }

    std::vector<void *> blocks;
};

} // namespace

TEST_F(ArenaDense, ABlockAsksForTheWholePagesInIt)
{
    free_blocks_written(100);
    void *block = space->large(9 * MiB);
    ASSERT_EQ(advice().size(), 1u);
    EXPECT_TRUE(advice()[0].huge);
    EXPECT_EQ(advice()[0].address % PAGE_BYTES, 0u);
    EXPECT_GE(advice()[0].address, reinterpret_cast<uintptr_t>(block));
    EXPECT_LE(advice()[0].address + advice()[0].bytes, reinterpret_cast<uintptr_t>(block) + 9 * MiB);
    EXPECT_GE(advice()[0].bytes, 3 * PAGE_BYTES);
    EXPECT_EQ(space->arena.huge_pages, advice()[0].bytes / PAGE_BYTES);
    EXPECT_EQ(huge_pages_in(block, 9 * MiB), space->arena.huge_pages);
}

TEST_F(ArenaDense, WhatHasAskedDoesNotAskAgain)
{
    free_blocks_written(100);
    void *block = space->large(9 * MiB);
    ASSERT_TRUE(space->free_large(block));
    hak_i_arena_purge(&space->arena);
    size_t asked = advice().size();
    ASSERT_EQ(space->large(9 * MiB), block);
    EXPECT_EQ(advice().size(), asked);
}

TEST_F(ArenaDense, SmallerBlocksDoNotAsk)
{
    free_blocks_written(100);
    ASSERT_NE(space->large(PAGE_BYTES - UNIT), nullptr);
    EXPECT_TRUE(advice().empty());
}

TEST_F(ArenaDense, BlocksThatAreNotWrittenEverywhereDoNotAsk)
{
    free_blocks_written(92);
    ASSERT_NE(space->large(9 * MiB), nullptr);
    EXPECT_TRUE(advice().empty());
    EXPECT_GT(space->arena.density.looked_units, 0u);
}

TEST_F(ArenaDense, OneLookIsNotEnough)
{
    free_blocks_written(100, 1);
    ASSERT_NE(space->large(9 * MiB), nullptr);
    EXPECT_TRUE(advice().empty());
}

TEST_F(ArenaDense, WhatTheSystemDoesNotTellIsNotDense)
{
    free_blocks(4);
    ASSERT_NE(space->large(9 * MiB), nullptr);
    EXPECT_TRUE(advice().empty());
    EXPECT_EQ(space->arena.density.looked_units, 0u);
}

TEST_F(ArenaDense, ASmallHeapIsNotLookedAt)
{
    fake_os::set_paged_percent(100);
    for (int i = 0; i < 6; i++) {
        ASSERT_TRUE(space->free_large(space->large(5 * MiB)));
        hak_i_arena_purge(&space->arena);
    }
    EXPECT_EQ(space->arena.density.looked_units, 0u);
}

TEST_F(ArenaDense, ABlockFromTheCacheIsNotLookedAtAgain)
{
    free_blocks_written(100);
    void *block = space->large(5 * MiB);
    space->arena.density.passed = 0;
    ASSERT_TRUE(space->free_large(block));
    size_t looked_units = space->arena.density.looked_units;
    ASSERT_EQ(space->large(5 * MiB), block);
    ASSERT_TRUE(space->free_large(block));
    EXPECT_EQ(space->arena.density.looked_units, looked_units);
}

TEST_F(ArenaDense, ABlockFromTheCacheIsNotFresh)
{
    void *block = space->large(5 * MiB);
    ASSERT_TRUE(space->free_large(block)); // the heap is small: nobody looks at it
    ASSERT_EQ(space->large(5 * MiB), block);
    free_blocks_written(100, 0);
    ASSERT_TRUE(space->free_large(block));
    EXPECT_EQ(space->arena.density.looked_units, 0u);
}

TEST_F(ArenaDense, ABlockThatWasExtendedIsNotFresh)
{
    free_blocks_written(100, 0);
    void *block = space->large(5 * MiB);
    ASSERT_TRUE(hak_i_arena_large_resize(&space->arena, space->record(block), 7 * MiB));
    ASSERT_TRUE(space->free_large(block));
    EXPECT_EQ(space->arena.density.looked_units, 0u);
}

TEST_F(ArenaDense, ABlockThatWasCutIsStillFresh)
{
    free_blocks_written(100, 0);
    void *block = space->large(7 * MiB);
    ASSERT_TRUE(hak_i_arena_large_resize(&space->arena, space->record(block), 5 * MiB));
    ASSERT_TRUE(space->free_large(block));
    EXPECT_GT(space->arena.density.looked_units, 0u);
}

TEST_F(ArenaDense, ABlockThatContentWasBroughtToIsNotFresh)
{
    free_blocks_written(100, 0);
    for (size_t refused : {0, 1}) {
        fake_os::refuse_moves(refused, HAK_OS_NO_MEMORY);
        hak_large *large = space->record(blocks[refused]);
        large->is_fresh = false;
        void *moved = hak_i_arena_large_move(&space->arena, large, 8 * MiB);
        ASSERT_NE(moved, nullptr);
        ASSERT_TRUE(space->free_large(moved));
        EXPECT_EQ(space->arena.density.looked_units, 0u);
    }
}

TEST_F(ArenaDense, OfFreshBlocksEachFourthIsLookedAtOnceItIsKnown)
{
    free_blocks_written(10);
    size_t looks = 0;
    for (size_t i = 4; i < 12; i++) {
        size_t looked_units = space->arena.density.looked_units;
        ASSERT_TRUE(space->free_large(blocks[i]));
        looks += space->arena.density.looked_units != looked_units;
    }
    EXPECT_EQ(looks, 2u);
}

TEST_F(ArenaDense, WhatIsNoLongerToldIsForgotten)
{
    free_blocks_written(100);
    void *block = space->large(9 * MiB);
    ASSERT_GT(huge_pages_in(block, 9 * MiB), 0u);
    fake_os::set_paged_unknown();
    for (size_t i = 4; i < 8; i++) {
        ASSERT_TRUE(space->free_large(blocks[i]));
    }
    EXPECT_EQ(space->arena.density.looked_units, 0u);
    hak_i_arena_purge(&space->arena);
    fake_os::forget_calls();
    ASSERT_NE(space->large(20 * MiB), nullptr);
    EXPECT_TRUE(advice().empty());
}

TEST_F(ArenaDense, WhatHugePagesBringIsNoSignOfDensity)
{
    free_blocks_written(100);
    void *block = space->large(9 * MiB);
    space->arena.density.passed = 3;
    size_t tail_bytes = (reinterpret_cast<uintptr_t>(block) + 9 * MiB) % PAGE_BYTES;
    size_t looked_units = space->arena.density.looked_units;
    ASSERT_TRUE(space->free_large(block));
    size_t tail_units = tail_bytes == 0 ? 0 : tail_bytes / UNIT - 1;
    EXPECT_EQ(space->arena.density.looked_units, looked_units + tail_units);
}

TEST_F(ArenaDense, ABlockThatIsHugePagesAloneIsNotLookedAt)
{
    free_blocks_written(100);
    void *block = space->large(8 * MiB, PAGE_BYTES);
    ASSERT_EQ(huge_pages_in(block, 8 * MiB), 4u);
    size_t looked_units = space->arena.density.looked_units;
    ASSERT_TRUE(space->free_large(block));
    EXPECT_EQ(space->arena.density.looked_units, looked_units);
}

TEST_F(ArenaDense, SmallerBlocksAreNotLookedAt)
{
    fake_os::set_paged_percent(100);
    free_blocks(0);
    ASSERT_TRUE(space->free_large(space->large(PAGE_BYTES - UNIT)));
    EXPECT_EQ(space->arena.density.looked_units, 0u);
}

TEST_F(ArenaDense, AProgramThatStopsWritingEverywhereStopsAsking)
{
    free_blocks_written(100);
    fake_os::set_paged_percent(10);
    for (size_t i = 4; i < 8; i++) {
        ASSERT_TRUE(space->free_large(blocks[i]));
    }
    hak_i_arena_purge(&space->arena);
    fake_os::forget_calls();
    ASSERT_NE(space->large(9 * MiB), nullptr);
    EXPECT_TRUE(advice().empty());
}

TEST_F(ArenaDense, ThenItsBlocksHaveNoHugePagesAnyMore)
{
    free_blocks_written(100);
    void *block = space->large(9 * MiB);
    size_t bytes = huge_pages_in(block, 9 * MiB) * PAGE_BYTES;
    ASSERT_GT(bytes, 0u);
    ASSERT_TRUE(space->free_large(block));
    fake_os::set_paged_percent(10);
    for (size_t i = 4; i < 8; i++) {
        ASSERT_TRUE(space->free_large(blocks[i]));
    }
    hak_i_arena_purge(&space->arena);
    fake_os::forget_calls();
    ASSERT_EQ(space->large(9 * MiB), block);
    EXPECT_EQ(huge_pages_in(block, 9 * MiB), 0u);
    ASSERT_EQ(advice().size(), 1u);
    EXPECT_FALSE(advice()[0].huge);
    EXPECT_EQ(advice()[0].bytes, bytes);
}

TEST_F(ArenaDense, OfUsedBlocksEachFourthShowsWhatNobodyWrote)
{
    free_blocks_written(100);
    ASSERT_TRUE(space->free_large(space->large(5 * MiB)));
    space->arena.density.passed = 0;
    fake_os::set_paged_percent(10);
    size_t looked_units = space->arena.density.looked_units;
    size_t paged_units = space->arena.density.paged_units;
    for (int i = 0; i < 3; i++) {
        ASSERT_TRUE(space->free_large(space->large(5 * MiB)));
        EXPECT_EQ(space->arena.density.looked_units, looked_units);
    }
    ASSERT_TRUE(space->free_large(space->large(5 * MiB)));
    EXPECT_GT(space->arena.density.looked_units, looked_units);
    EXPECT_EQ(space->arena.density.paged_units, paged_units);
}

TEST_F(ArenaDense, NeverIsNever)
{
    hak_i_base_options.thp = HAK_THP_NEVER;
    free_blocks_written(100);
    ASSERT_NE(space->large(9 * MiB), nullptr);
    EXPECT_TRUE(advice().empty());
}

TEST_F(ArenaDense, PagesAreMovedOutOfOneMapping)
{
    free_blocks_written(100);
    void *block = space->large(9 * MiB);
    ASSERT_GT(huge_pages_in(block, 9 * MiB), 0u);
    fake_os::forget_calls();
    ASSERT_NE(hak_i_arena_large_move(&space->arena, space->record(block), 20 * MiB), nullptr);
    ASSERT_EQ(advice().size(), 1u);
    EXPECT_FALSE(advice()[0].huge);
    EXPECT_LE(advice()[0].address, reinterpret_cast<uintptr_t>(block));
    EXPECT_GE(advice()[0].address + advice()[0].bytes, reinterpret_cast<uintptr_t>(block) + 9 * MiB);
    EXPECT_EQ(huge_pages_in(block, 9 * MiB), 0u);
    std::vector<fake_os::Call> calls = fake_os::calls();
    auto of = [&](hak_os_call kind) {
        return std::find_if(calls.begin(), calls.end(), [&](const auto &call) { return call.kind == kind; });
    };
    EXPECT_LT(of(HAK_OS_ADVISE), of(HAK_OS_REMAP));
}

TEST_F(ArenaDense, RandomUseStaysSound)
{
    free_blocks_written(100);
    RandomUse use(space.get(), seed_for("ArenaDense"), mib(5));
    size_t most = 0;
    for (int i = 0; i < 2000 && !HasFailure(); i++) {
        use.step();
        most = std::max<size_t>(most, space->arena.huge_pages);
        if (i % 200 == 0) {
            ASSERT_EQ(hak_i_arena_audit(&space->arena), 0);
        }
    }
    EXPECT_GT(most, 0u);
    use.release_everything();
}
