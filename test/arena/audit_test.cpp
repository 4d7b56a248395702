// SPDX-License-Identifier: MIT
// Each invariant of arena_types.h broken once: the audit must say so, by its number.
#include "arena/fixture.h"
#include "base/bitmap.h"

using namespace hak_test;

namespace {

enum Number {
    SOUND = 0,
    SETS_APART = 1,    // A1
    SETS_COUNTED = 2,  // A2
    HELD_COUNTED = 3,  // A3
    CLEAN_IS_ZERO = 4, // A4
    TREES_AGREE = 5,   // A5
    BITS_COUNTED = 6,  // A6
    BINS_AGREE = 7,    // B1
    CACHE_COUNTED = 8, // B2
};

class ArenaAudit : public System {
protected:
    void SetUp() override
    {
        ASSERT_TRUE(space.init());
        held = space.acquire(8);
        Span written = space.acquire(8);
        ASSERT_TRUE(space.free_large(space.large(100 * KiB)));
        space.release(written, 4);
        clean = written.first + 5;
        ASSERT_EQ(hak_i_arena_audit(&space.arena), SOUND);
    }

    int audit() { return hak_i_arena_audit(&space.arena); }

    Space space;
    Span held = {};
    size_t clean = 0;
};

} // namespace

TEST_F(ArenaAudit, A1SeesAUnitBothFreeAndReserved)
{
    hak_i_runs_add(&space.arena.reserve, clean, 1);
    EXPECT_EQ(audit(), SETS_APART);
}

TEST_F(ArenaAudit, A1SeesAHeldUnitThatIsDirty)
{
    hak_i_runs_add(&space.arena.dirty, held.first, 1);
    EXPECT_EQ(audit(), SETS_APART);
}

TEST_F(ArenaAudit, A2SeesAWrongCountOfFreeUnits)
{
    space.arena.free_units++;
    EXPECT_EQ(audit(), SETS_COUNTED);
}

TEST_F(ArenaAudit, A2SeesAWrongCountOfDirtyUnits)
{
    space.arena.dirty_units--;
    EXPECT_EQ(audit(), SETS_COUNTED);
}

TEST_F(ArenaAudit, A3SeesAWrongCountOfCommittedUnits)
{
    space.arena.committed_units++;
    EXPECT_EQ(audit(), HELD_COUNTED);
}

TEST_F(ArenaAudit, A3SeesAHeldUnitInTheReserve)
{
    hak_i_runs_add(&space.arena.reserve, held.first, 1);
    EXPECT_EQ(audit(), HELD_COUNTED);
}

TEST_F(ArenaAudit, A4SeesACleanUnitThatIsNotZero)
{
    *(space.at(clean) + UNIT - 1) = 1;
    EXPECT_EQ(audit(), CLEAN_IS_ZERO);
}

TEST_F(ArenaAudit, A5SeesATreeThatDisagreesWithItsBits)
{
    for (hak_runs *runs : {&space.arena.reserve, &space.arena.free, &space.arena.dirty}) {
        hak_run &first_leaf = runs->nodes[2 * (runs->subtrees - 1) + runs->leaves / runs->subtrees];
        first_leaf.longest++;
        EXPECT_EQ(audit(), TREES_AGREE);
        first_leaf.longest--;
    }
    EXPECT_EQ(audit(), SOUND);
}

TEST_F(ArenaAudit, A4SeesAZeroedUnitThatIsNotZero)
{
    Span written = space.acquire(1);
    memset(space.at(written.first), 1, UNIT);
    space.release(written, 1);
    hak_bitmap_set(space.arena.zeroed, written.first, 1);
    EXPECT_EQ(audit(), CLEAN_IS_ZERO);
}

TEST_F(ArenaAudit, A6SeesAZeroedUnitThatIsNotDirty)
{
    hak_bitmap_set(space.arena.zeroed, clean, 1);
    EXPECT_EQ(audit(), BITS_COUNTED);
}

TEST_F(ArenaAudit, A6SeesAWrongCountOfHugePages)
{
    space.arena.huge_pages++;
    EXPECT_EQ(audit(), BITS_COUNTED);
}

TEST_F(ArenaAudit, A6SeesAWrongCountOfSeams)
{
    space.arena.seam_count++;
    EXPECT_EQ(audit(), BITS_COUNTED);
}

TEST_F(ArenaAudit, B1SeesAnEmptyBinMarkedAsFilled)
{
    space.arena.cache.filled[3] |= 1;
    EXPECT_EQ(audit(), BINS_AGREE);
}

TEST_F(ArenaAudit, B1SeesAFilledBinMarkedAsEmpty)
{
    space.arena.cache.filled[0] = 0;
    EXPECT_EQ(audit(), BINS_AGREE);
}

TEST_F(ArenaAudit, B1SeesABlockInAWrongBin)
{
    std::swap(space.arena.cache.bins[7], space.arena.cache.bins[6]);
    space.arena.cache.filled[0] ^= 3 << 6;
    EXPECT_EQ(audit(), BINS_AGREE);
}

TEST_F(ArenaAudit, B2SeesAWrongSum)
{
    space.arena.cache.units++;
    EXPECT_EQ(audit(), CACHE_COUNTED);
}
