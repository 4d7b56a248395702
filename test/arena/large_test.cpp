// SPDX-License-Identifier: MIT
// Large blocks and BigCache.
#include "arena/arena_private.h"
#include "arena/fixture.h"
#include "base/bitmap.h"

using namespace hak_test;

namespace {

class ArenaLarge : public ArenaTest {
protected:
    hak_large *record(const void *block) const { return space->record(block); }

    bool resize(void *block, size_t bytes) { return hak_i_arena_large_resize(&space->arena, record(block), bytes); }

    char *move(void *block, size_t bytes)
    {
        return static_cast<char *>(hak_i_arena_large_move(&space->arena, record(block), bytes));
    }

    /** A block whose every word is different. */
    char *written(size_t bytes)
    {
        char *block = static_cast<char *>(space->large(bytes));
        write(block, 0, bytes);
        return block;
    }

    static void write(char *block, size_t from, size_t to)
    {
        for (size_t i = from / sizeof(size_t); i < to / sizeof(size_t); i++) {
            reinterpret_cast<size_t *>(block)[i] = i + 1;
        }
    }

    static bool is_written(const char *block, size_t bytes)
    {
        for (size_t i = 0; i < bytes / sizeof(size_t); i++) {
            if (reinterpret_cast<const size_t *>(block)[i] != i + 1) {
                return false;
            }
        }
        return true;
    }

    void expect_live(size_t blocks, size_t asked_units)
    {
        EXPECT_EQ(space->arena.large_blocks, blocks);
        EXPECT_EQ(space->arena.large_asked_units, asked_units);
    }
};

using ArenaMove = ArenaLarge;
using ArenaBigCache = ArenaLarge;

} // namespace

TEST_F(ArenaLarge, IsPublishedInTheRegistry)
{
    void *block = space->large(100 * KiB);
    size_t unit = space->unit_of(block);
    EXPECT_EQ(hak_i_registry_id(&space->registry, unit), HAK_ID_LARGE);
    EXPECT_EQ(record(block)->first_unit, unit);
    EXPECT_EQ(record(block)->asked_units, 7u);
    EXPECT_EQ(record(block)->units, 7u);
    expect_live(1, 7);
}

TEST_F(ArenaLarge, IsClaimedOnce)
{
    void *block = space->large(100 * KiB);
    size_t unit = space->unit_of(block);
    hak_large *large = hak_i_arena_large_claim(&space->arena, unit);
    EXPECT_EQ(large, record(block));
    EXPECT_EQ(hak_i_arena_large_claim(&space->arena, unit), nullptr);
    hak_i_arena_large_release(&space->arena, large);
    EXPECT_EQ(hak_i_arena_large_claim(&space->arena, unit), nullptr);
    EXPECT_EQ(hak_i_arena_large_claim(&space->arena, unit + 1), nullptr);
    expect_live(0, 0);
}

TEST_F(ArenaLarge, HasAtLeastAUnit)
{
    for (size_t bytes : {size_t{0}, size_t{1}, UNIT}) {
        EXPECT_EQ(record(space->large(bytes))->units, 1u);
    }
    EXPECT_EQ(record(space->large(UNIT + 1))->units, 2u);
}

TEST_F(ArenaLarge, LiesWhereMostIsWritten)
{
    hak_i_base_options.dirty_percent = -1;
    void *clean = space->large(4 * MiB);
    space->acquire(1);
    Span half = space->acquire(mib(4));
    space->acquire(1);
    Span most = space->acquire(mib(4));
    space->acquire(1);
    record(clean)->written_units = 0;
    space->free_large(clean);
    hak_i_arena_purge(&space->arena);
    space->release(half, mib(2));
    Span tail = {most.first, mib(1), false};
    Span rest = {most.first + mib(1), mib(3), false};
    space->release(tail, 0);
    space->release(rest, mib(3));
    EXPECT_EQ(space->unit_of(space->large(4 * MiB)), most.first);
}

TEST_F(ArenaLarge, LiesAtAnyAlignment)
{
    for (size_t alignment = 1; alignment <= 64 * MiB; alignment *= 2) {
        void *block = space->large(40 * KiB, alignment);
        ASSERT_NE(block, nullptr) << alignment;
        EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % alignment, 0u);
        memset(block, 1, 40 * KiB);
        ASSERT_TRUE(space->free_large(block));
    }
}

TEST_F(ArenaLarge, SaysCleanOnlyOfZeros)
{
    bool clean;
    void *block = hak_i_arena_large_acquire(&space->arena, 100 * KiB, 16, &clean);
    EXPECT_TRUE(clean);
    memset(block, 1, 100 * KiB);
    ASSERT_TRUE(space->free_large(block));
    EXPECT_EQ(hak_i_arena_large_acquire(&space->arena, 100 * KiB, 16, &clean), block);
    EXPECT_FALSE(clean);
    ASSERT_TRUE(space->free_large(block));
    ASSERT_GT(hak_i_arena_purge(&space->arena), 0u);
    EXPECT_EQ(hak_i_arena_large_acquire(&space->arena, 100 * KiB, 16, &clean), block);
    EXPECT_TRUE(clean);
    EXPECT_TRUE(space->reads_as_zero(space->unit_of(block), 7));
}

TEST_F(ArenaLarge, GrowsAndShrinksWhereItStands)
{
    char *block = written(100 * KiB);
    ASSERT_TRUE(resize(block, 300 * KiB));
    EXPECT_TRUE(is_written(block, 100 * KiB));
    write(block, 100 * KiB, 300 * KiB);
    expect_live(1, 19);
    ASSERT_TRUE(resize(block, 50 * KiB));
    expect_live(1, 4);
    EXPECT_EQ(space->arena.large_units, 4u);
    EXPECT_TRUE(is_written(block, 50 * KiB));
    EXPECT_EQ(space->arena.dirty_units, 15u);
    ASSERT_TRUE(resize(block, 50 * KiB));
}

TEST_F(ArenaLarge, StaysAsItWasWhenItCannotGrow)
{
    char *block = written(100 * KiB);
    void *wall = space->large(16 * KiB);
    ASSERT_EQ(space->unit_of(wall), space->unit_of(block) + 7);
    EXPECT_FALSE(resize(block, 200 * KiB));
    EXPECT_FALSE(resize(block, PTRDIFF_MAX));
    EXPECT_TRUE(is_written(block, 100 * KiB));
    expect_live(2, 8);
}

TEST_F(ArenaLarge, InnerUnitsReadAsNothing)
{
    std::vector<void *> blocks;
    for (int i = 0; i < 8; i++) {
        blocks.push_back(space->large(32 * KiB));
    }
    for (void *block : blocks) {
        ASSERT_TRUE(space->free_large(block));
    }
    hak_i_arena_purge(&space->arena); // empties BigCache
    size_t first = space->unit_of(space->large(16 * UNIT));
    EXPECT_EQ(first, space->unit_of(blocks[0]));
    for (size_t unit = first + 1; unit < first + 16; unit++) {
        EXPECT_EQ(hak_i_registry_id(&space->registry, unit), HAK_ID_NOTHING) << unit - first;
    }
}

/* ---------------------------------------------------------------------------------------------------- moving ---- */

TEST_F(ArenaMove, KeepsTheContent)
{
    for (size_t bytes : {32 * KiB, 255 * KiB, 256 * KiB, 300 * KiB, 5 * MiB}) {
        char *block = written(bytes);
        size_t unit = space->unit_of(block);
        char *moved = move(block, 2 * bytes);
        ASSERT_NE(moved, nullptr);
        EXPECT_NE(moved, block);
        EXPECT_TRUE(is_written(moved, bytes));
        EXPECT_EQ(hak_i_arena_large_claim(&space->arena, unit), nullptr);
        write(moved, bytes, 2 * bytes);
        EXPECT_TRUE(space->free_large(moved));
        expect_live(0, 0);
    }
}

TEST_F(ArenaMove, MovesPagesOfLargeBlocksOnly)
{
    move(written(255 * KiB - UNIT), MiB);
    EXPECT_TRUE(fake_os::calls(HAK_OS_REMAP).empty());
    move(written(256 * KiB), MiB);
    EXPECT_EQ(fake_os::calls(HAK_OS_REMAP).size(), 1u);
}

TEST_F(ArenaMove, LeavesCleanMemoryBehind)
{
    char *block = written(MiB);
    size_t first = space->unit_of(block);
    space->acquire(1);
    size_t dirty = space->arena.dirty_units;
    ASSERT_NE(move(block, 2 * MiB), nullptr);
    EXPECT_EQ(space->arena.dirty_units, dirty);
    EXPECT_TRUE(space->reads_as_zero(first, mib(1)));
}

TEST_F(ArenaMove, LeavesSlackBehindThatIsNotTakenForClean)
{
    char *first = written(33 * UNIT);
    space->acquire(1);
    ASSERT_TRUE(space->free_large(first));
    char *second = static_cast<char *>(space->large(32 * UNIT));
    ASSERT_EQ(second, first); // out of BigCache, with a unit of slack that was written
    ASSERT_EQ(record(second)->units, 33u);
    ASSERT_NE(move(second, 4 * MiB), nullptr);
    Span span = space->acquire(33);
    EXPECT_TRUE(!span.clean || space->reads_as_zero(span.first, span.units));
}

TEST_F(ArenaMove, CopiesWhereTheSystemRefuses)
{
    char *block = written(MiB);
    fake_os::refuse_moves(1, HAK_OS_NO_MEMORY);
    char *moved = move(block, 2 * MiB);
    ASSERT_NE(moved, nullptr);
    EXPECT_EQ(fake_os::calls(HAK_OS_REMAP).size(), 1u);
    EXPECT_TRUE(is_written(moved, MiB));
    EXPECT_EQ(hak_i_registry_id(&space->registry, space->unit_of(block)), HAK_ID_FREED_LARGE);
    expect_live(1, mib(2));
}

TEST_F(ArenaMove, ChangesNothingWhereTheTargetIsLost)
{
    char *block = written(MiB);
    fake_os::refuse_moves(1, HAK_OS_TAKEN);
    EXPECT_EQ(move(block, 2 * MiB), nullptr);
    EXPECT_TRUE(is_written(block, MiB));
    EXPECT_EQ(hak_i_registry_id(&space->registry, space->unit_of(block)), HAK_ID_LARGE);
    char *moved = move(block, 2 * MiB);
    ASSERT_NE(moved, nullptr);
    EXPECT_TRUE(is_written(moved, MiB));
    EXPECT_TRUE(space->free_large(moved));
}

TEST_F(ArenaMove, ChangesNothingWithoutMemory)
{
    char *block = written(MiB);
    fake_os::fail_from(1);
    EXPECT_EQ(move(block, 20 * MiB), nullptr);
    EXPECT_EQ(move(block, 1000 * MiB), nullptr);
    EXPECT_EQ(move(block, PTRDIFF_MAX), nullptr);
    EXPECT_TRUE(is_written(block, MiB));
    expect_live(1, mib(1));
}

TEST_F(ArenaMove, MovesNoMorePagesThanMappingsMayRemain)
{
    fake_os::reset();
    fake_os::set_physical_bytes(2048 * MiB);
    ASSERT_TRUE(start());
    for (int i = 0; i < 1000; i++) {
        char *moved = move(written(256 * KiB), 260 * KiB);
        ASSERT_NE(moved, nullptr);
        ASSERT_TRUE(is_written(moved, 256 * KiB));
        ASSERT_LE(space->arena.seam_count, 128u);
        ASSERT_TRUE(space->acquire(1));
    }
    size_t moves = fake_os::calls(HAK_OS_REMAP).size();
    EXPECT_GE(moves, 64u);
    EXPECT_LT(moves, 200u);
    EXPECT_EQ(hak_i_arena_audit(&space->arena), 0);
}

TEST_F(ArenaMove, CopiesWhatASeamDivides)
{
    char *block = move(written(300 * KiB), 512 * KiB);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(space->arena.seam_count, 2u); // behind the 19 units that were moved, too
    write(block, 300 * KiB, 512 * KiB);
    fake_os::forget_calls();
    block = move(block, 3 * MiB);
    ASSERT_NE(block, nullptr);
    EXPECT_TRUE(is_written(block, 512 * KiB));
    EXPECT_TRUE(fake_os::calls(HAK_OS_REMAP).empty());
    EXPECT_EQ(space->arena.seam_count, 2u);
    ASSERT_NE(move(block, 8 * MiB), nullptr) << "no seam is in the copy";
    EXPECT_EQ(fake_os::calls(HAK_OS_REMAP).size(), 1u);
    EXPECT_EQ(hak_i_arena_audit(&space->arena), 0);
}

TEST_F(ArenaMove, NoSeamIsLeftInWhatTheSystemRemade)
{
    char *block = written(MiB);
    Span wall = space->acquire(1), freed = space->acquire(mib(12));
    space->release(freed, 0);
    hak_bitmap_set(space->arena.seams, freed.first, freed.units);
    space->arena.seam_count = freed.units;
    fake_os::refuse_moves(1, HAK_OS_REMADE);
    char *copy = move(block, 2 * MiB);
    ASSERT_NE(copy, nullptr);
    EXPECT_TRUE(is_written(copy, MiB));
    ASSERT_GE(space->unit_of(copy), freed.first);
    EXPECT_EQ(hak_bitmap_count(space->arena.seams, space->unit_of(copy), mib(1)), 1u);
    EXPECT_EQ(space->arena.seam_count, freed.units - (mib(1) - 1));
    (void)wall;
}

TEST_F(ArenaMove, HasRoomToGrowOn)
{
    fake_os::reset();
    fake_os::set_physical_bytes(512 * MiB);
    ASSERT_TRUE(start());
    char *block = written(64 * KiB);
    size_t moves = 0;
    for (size_t bytes = 64 * KiB; bytes < 16 * MiB; bytes += 48 * KiB) {
        if (!resize(block, bytes + 48 * KiB)) {
            block = move(block, bytes + 48 * KiB);
            ASSERT_NE(block, nullptr);
            moves++;
        }
        write(block, bytes, bytes + 48 * KiB);
        ASSERT_TRUE(space->acquire(5));
    }
    EXPECT_TRUE(is_written(block, 16 * MiB));
    EXPECT_LE(moves, 8u); // as if each move doubled it
}

TEST_F(ArenaMove, AcquiresBlocksWithRoom)
{
    void *block = hak_i_arena_large_acquire_roomy(&space->arena, 64 * KiB);
    ASSERT_NE(block, nullptr);
    EXPECT_TRUE(resize(block, MiB));
    EXPECT_TRUE(space->free_large(block));
    EXPECT_EQ(hak_i_arena_large_acquire_roomy(&space->arena, PTRDIFF_MAX), nullptr);
}

/* -------------------------------------------------------------------------------------------------- BigCache ---- */

TEST_F(ArenaBigCache, GivesAFreedBlockToTheNextOfItsSize)
{
    for (size_t units = 1; units < mib(4); units += 1 + units / 3) {
        void *block = space->large(units * UNIT);
        ASSERT_TRUE(space->free_large(block));
        EXPECT_EQ(space->arena.cache.units, units);
        EXPECT_EQ(space->large(units * UNIT), block) << units;
        EXPECT_EQ(space->arena.cache.units, 0u);
    }
    EXPECT_EQ(space->arena.cache.misses, space->arena.cache.hits);
}

TEST_F(ArenaBigCache, GivesNoBlockThatIsSmallerOrMuchLarger)
{
    for (size_t cached = 1; cached < 300; cached += 1 + cached / 10) {
        hak_i_arena_purge(&space->arena);
        void *block = space->large(cached * UNIT);
        size_t first = space->unit_of(block);
        for (size_t asked = 1; asked < 2 * cached + 20; asked += 1 + asked / 16) {
            ASSERT_EQ(space->arena.cache.units, 0u);
            ASSERT_TRUE(space->free_large(block));
            hak_large *large = hak_i_big_cache_take(&space->arena.cache, asked);
            if (large != nullptr) {
                EXPECT_GE(large->units, asked);
                EXPECT_LE(large->units, asked + asked / 4);
            } else {
                EXPECT_NE(asked, cached);
                large = hak_i_big_cache_take(&space->arena.cache, cached);
            }
            ASSERT_NE(large, nullptr);
            hak_i_arena_put_locked(&space->arena, first, cached, cached);
            hak_i_arena_large_retire_locked(&space->arena, large);
            block = space->large(cached * UNIT);
            first = space->unit_of(block);
        }
        ASSERT_TRUE(space->free_large(block));
    }
}

TEST_F(ArenaBigCache, KnowsItsLargestBlock)
{
    EXPECT_EQ(hak_i_big_cache_largest(&space->arena.cache), 0u);
    EXPECT_EQ(hak_i_big_cache_evict(&space->arena.cache), nullptr);
    std::vector<hak_large> blocks(100);
    std::mt19937 random(1);
    hak_big_cache cache = {};
    cache.limit_units = SIZE_MAX;
    size_t most = 0;
    for (hak_large &block : blocks) {
        block.units = 1 + random() % 5000;
        most = std::max(most, block.units);
        ASSERT_TRUE(hak_i_big_cache_put(&cache, &block));
        size_t largest = hak_i_big_cache_largest(&cache);
        EXPECT_LE(largest, most);
        EXPECT_GE(largest, most - most / 8);
    }
    EXPECT_EQ(hak_i_big_cache_audit(&cache), 0);
    for (size_t largest; (largest = hak_i_big_cache_largest(&cache)) != 0;) {
        EXPECT_GE(hak_i_big_cache_evict(&cache)->units, largest);
        EXPECT_EQ(hak_i_big_cache_audit(&cache), 0);
    }
    EXPECT_EQ(cache.units, 0u);
}

TEST_F(ArenaBigCache, HoldsEverySizeThereIs)
{
    hak_large block = {};
    hak_big_cache cache = {};
    for (size_t units = 1; units <= size_t{1} << 30; units *= 2) {
        for (size_t near : {units - units / 3, units - (units > 1), units, units + units / 5}) {
            cache.limit_units = SIZE_MAX;
            block.units = near;
            ASSERT_TRUE(hak_i_big_cache_put(&cache, &block));
            EXPECT_EQ(hak_i_big_cache_audit(&cache), 0);
            EXPECT_EQ(hak_i_big_cache_take(&cache, near + 1 + near / 2), nullptr);
            EXPECT_EQ(hak_i_big_cache_take(&cache, near), &block) << near;
        }
    }
}

TEST_F(ArenaBigCache, GrowsByWhatItServes)
{
    hak_large block = {};
    block.units = mib(8);
    hak_big_cache cache = {};
    ASSERT_TRUE(hak_i_big_cache_put(&cache, &block));
    hak_large second = {};
    second.units = mib(8);
    EXPECT_FALSE(hak_i_big_cache_put(&cache, &second));
    ASSERT_EQ(hak_i_big_cache_take(&cache, mib(8)), &block);
    ASSERT_TRUE(hak_i_big_cache_put(&cache, &block));
    EXPECT_TRUE(hak_i_big_cache_put(&cache, &second));
}

TEST_F(ArenaBigCache, IsGivenUpWhenMemoryIsShort)
{
    std::vector<void *> blocks;
    while (void *block = space->large(4 * MiB)) {
        blocks.push_back(block);
    }
    ASSERT_EQ(blocks.size(), 32u);
    hak_i_base_options.dirty_percent = -1;
    ASSERT_TRUE(space->free_large(blocks[6]));
    ASSERT_TRUE(space->free_large(blocks[7]));
    ASSERT_EQ(space->arena.cache.units, mib(8));
    EXPECT_TRUE(space->acquire(mib(8)));
    EXPECT_EQ(space->arena.cache.units, 0u);
}

TEST_F(ArenaBigCache, IsGivenUpForASmallSpanToo)
{
    ASSERT_TRUE(space->acquire(space->registry.units - mib(1)));
    ASSERT_TRUE(space->free_large(space->large(MiB)));
    ASSERT_EQ(space->arena.cache.units, mib(1));
    EXPECT_TRUE(space->acquire(1));
}
