// SPDX-License-Identifier: MIT
// Spans: growth, first fit, extension, room.
#include "arena/fixture.h"

using namespace hak_test;

namespace {

using ArenaGrowth = ArenaTest;
using ArenaSpan = ArenaTest;
using ArenaRoom = ArenaTest;
using ArenaRow = ArenaTest;

using Steps = std::vector<size_t>;

/** Takes single mebibytes until `count` are taken. */
void take_mebibytes(Space *space, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ASSERT_TRUE(space->acquire(mib(1)));
    }
}

/** Units that are free in between of units that are not, and too short to hold anything together. */
std::vector<Span> fragmented(Space *space, size_t count, size_t units)
{
    std::vector<Span> kept;
    std::vector<Span> holes;
    for (size_t i = 0; i < count; i++) {
        holes.push_back(space->acquire(units));
        kept.push_back(space->acquire(1));
    }
    for (const Span &hole : holes) {
        space->release(hole, 0);
    }
    return kept;
}

/** How many spans came. */
size_t acquire_row(Space *space, size_t units, size_t count, Span *row)
{
    row->first = hak_i_arena_acquire_row(&space->arena, units, units, &count, &row->clean);
    row->units = row->first == HAK_NO_UNIT ? 0 : units * count;
    return row->first == HAK_NO_UNIT ? 0 : count;
}

} // namespace

/* ------------------------------------------------------------------------------------------------------ rows ---- */

TEST_F(ArenaRow, SeveralSpansLieSideBySide)
{
    Span row;
    ASSERT_EQ(acquire_row(space.get(), 4, 8, &row), 8u);
    EXPECT_TRUE(row.clean);
    EXPECT_EQ(space->arena.committed_units - space->arena.free_units, 32u);
    space->release(row, 32);
    ASSERT_EQ(acquire_row(space.get(), 4, 8, &row), 8u) << "those that are written";
    EXPECT_FALSE(row.clean);
    EXPECT_EQ(space->arena.dirty_units, 0u);
}

TEST_F(ArenaRow, EndsWhereTheFreeMemoryDoes)
{
    Span hole = space->acquire(12);
    Span behind = space->acquire(1);
    space->release(hole, 0);
    Span row;
    EXPECT_EQ(acquire_row(space.get(), 4, 8, &row), 3u);
    EXPECT_EQ(row.first, hole.first);
    space->release(behind, 0);
}

TEST_F(ArenaRow, EndsWhereWrittenMemoryBeginsOrEnds)
{
    Span all = space->acquire(32);
    Span behind = space->acquire(1);
    space->release(all, 8);
    Span row;
    EXPECT_EQ(acquire_row(space.get(), 4, 8, &row), 2u);
    EXPECT_FALSE(row.clean);
    EXPECT_EQ(acquire_row(space.get(), 4, 8, &row), 6u);
    EXPECT_TRUE(row.clean);
    space->release({all.first, 16, false}, 0);
    space->release({all.first + 16, 16, false}, 16);
    EXPECT_EQ(acquire_row(space.get(), 4, 8, &row), 4u);
    EXPECT_EQ(row.first, all.first + 16) << "written memory first";
    EXPECT_EQ(acquire_row(space.get(), 4, 8, &row), 4u);
    EXPECT_EQ(row.first, all.first);
    space->release(behind, 0);
}

TEST_F(ArenaRow, EndsWhereAHugePageDoes)
{
    ASSERT_TRUE(space->acquire(HAK_HUGE_UNITS - 8));
    Span row;
    EXPECT_EQ(acquire_row(space.get(), 4, 8, &row), 2u);
}

TEST_F(ArenaRow, IsOneSpanWhereTheBudgetHasNoRoomForMore)
{
    space->arena.budget.soft_bytes = 5 * UNIT;
    Span row;
    EXPECT_EQ(acquire_row(space.get(), 4, 8, &row), 1u);
}

/* ---------------------------------------------------------------------------------------------------- growth ---- */

TEST_F(ArenaGrowth, AsksForNothingBeforeItIsNeeded)
{
    EXPECT_EQ(space->committed_mib(), Steps{});
    EXPECT_EQ(space->arena.committed_units, 0u);
    EXPECT_EQ(hak_i_arena_next_held(&space->arena, 0), HAK_NO_UNIT);
}

TEST_F(ArenaGrowth, DoublesItsStepsUpToEightMebibytes)
{
    take_mebibytes(space.get(), 31);
    EXPECT_EQ(space->committed_mib(), (Steps{1, 2, 4, 8, 8, 8}));
    EXPECT_EQ(space->arena.committed_units, mib(31));
}

TEST_F(ArenaGrowth, ObeysItsOptions)
{
    hak_i_base_options.arena_mb_init = 2;
    hak_i_base_options.arena_mb_max = 16;
    hak_i_base_options.arena_growth_levels = 6;
    take_mebibytes(space.get(), 46);
    EXPECT_EQ(space->committed_mib(), (Steps{2, 4, 8, 16, 16}));
}

TEST_F(ArenaGrowth, GrowsByOneSizeWithOneLevel)
{
    hak_i_base_options.arena_growth_levels = 1;
    take_mebibytes(space.get(), 3);
    EXPECT_EQ(space->committed_mib(), (Steps{1, 1, 1}));
}

TEST_F(ArenaGrowth, NeverStepsOverTheMost)
{
    hak_i_base_options.arena_mb_init = 8;
    hak_i_base_options.arena_mb_max = 4;
    take_mebibytes(space.get(), 8);
    EXPECT_EQ(space->committed_mib(), (Steps{4, 4}));
}

TEST_F(ArenaGrowth, TakesWhatIsLargerThanAStepAtOnce)
{
    ASSERT_TRUE(space->acquire(mib(20)));
    EXPECT_EQ(space->committed_mib(), Steps{20});
    ASSERT_TRUE(space->acquire(1));
    EXPECT_EQ(space->committed_mib(), (Steps{20, 2}));
}

TEST_F(ArenaGrowth, TakesLessThanAStepWhereNoMoreIsLeft)
{
    ASSERT_TRUE(space->acquire(mib(126)));
    take_mebibytes(space.get(), 1);
    EXPECT_FALSE(space->acquire(mib(2)));
    take_mebibytes(space.get(), 1);
    EXPECT_EQ(space->committed_mib(), (Steps{126, 2}));
    EXPECT_FALSE(space->acquire(1));
}

TEST_F(ArenaGrowth, MakesTheTableEntriesWritable)
{
    Span span = space->acquire(mib(3));
    for (size_t unit = span.first; unit < span.first + span.units; unit++) {
        EXPECT_EQ(hak_i_registry_id(&space->registry, unit), HAK_ID_NOTHING);
        hak_i_registry_set_record(&space->registry, unit, this);
        hak_i_registry_set_id(&space->registry, unit, 0);
    }
}

TEST_F(ArenaGrowth, CommitsNoMoreThanItNeedsForAlignedSpansAmongManyHoles)
{
    fake_os::reset();
    fake_os::set_physical_bytes(512 * MiB);
    ASSERT_TRUE(start());
    fragmented(space.get(), 100, 4);
    for (int i = 0; i < 16; i++) {
        size_t before = space->arena.committed_units;
        ASSERT_TRUE(space->acquire(4, mib(16))) << i;
        ASSERT_LE(space->arena.committed_units - before, mib(8) + HAK_HUGE_UNITS) << i;
    }
}

TEST_F(ArenaGrowth, TakesTheNextPlaceForHugeAlignments)
{
    for (size_t align = 1; align <= mib(64); align *= 2) {
        Span span = space->acquire(3, align);
        ASSERT_TRUE(span) << align;
        EXPECT_EQ(reinterpret_cast<uintptr_t>(space->at(span.first)) % (align * UNIT), 0u);
        space->release(span, 0);
    }
    EXPECT_FALSE(space->acquire(3, 2 * space->registry.units));
    EXPECT_FALSE(space->acquire(3, size_t{1} << 49));
}

TEST_F(ArenaGrowth, RefusesWhatIsLargerThanTheRange)
{
    ASSERT_TRUE(space->free_large(space->large(MiB))); // BigCache has bins, but none of those sizes
    for (size_t units : {space->registry.units + 1, size_t{1} << 34, size_t{1} << 40, hak_i_arena_units(PTRDIFF_MAX),
                         size_t{1} << 50}) {
        EXPECT_FALSE(space->acquire(units)) << units;
        EXPECT_FALSE(space->acquire_roomy(units)) << units;
        EXPECT_EQ(space->large(units * UNIT - 1), nullptr) << units;
        EXPECT_EQ(hak_i_arena_large_acquire_roomy(&space->arena, units * UNIT - 1), nullptr) << units;
    }
    EXPECT_EQ(space->large(1, size_t{1} << 62), nullptr);
    EXPECT_EQ(space->committed_mib(), Steps{1});
}

/* ----------------------------------------------------------------------------------------------------- spans ---- */

TEST_F(ArenaSpan, IsCleanWhenNew)
{
    Span span = space->acquire(mib(1));
    EXPECT_TRUE(span.clean);
    EXPECT_TRUE(space->reads_as_zero(span.first, span.units));
}

TEST_F(ArenaSpan, LiesAtTheLowestAddressThatFits)
{
    std::vector<Span> spans;
    for (int i = 0; i < 6; i++) {
        spans.push_back(space->acquire(4));
        EXPECT_EQ(spans.back().first, spans[0].first + 4 * static_cast<size_t>(i));
    }
    space->release(spans[4], 0);
    space->release(spans[1], 0);
    space->release(spans[2], 0);
    EXPECT_EQ(space->acquire(2).first, spans[1].first);
    EXPECT_EQ(space->acquire(7).first, spans[5].first + 4);
    EXPECT_EQ(space->acquire(6).first, spans[1].first + 2);
    EXPECT_EQ(space->acquire(1).first, spans[4].first);
}

TEST_F(ArenaSpan, PrefersWrittenMemory)
{
    Span first = space->acquire(4);
    space->acquire(1);
    Span second = space->acquire(4);
    space->acquire(1);
    memset(space->at(second.first), 1, 4 * UNIT);
    space->release(first, 0);
    space->release(second, 4);
    Span taken = space->acquire(3);
    EXPECT_EQ(taken.first, second.first);
    EXPECT_FALSE(taken.clean);
    EXPECT_EQ(space->acquire(3).first, first.first);
}

TEST_F(ArenaSpan, SaysCleanOnlyOfWhatWasNotWritten)
{
    Span span = space->acquire(8);
    space->acquire(1);
    memset(space->at(span.first), 1, 3 * UNIT);
    space->release(span, 3);
    Span written = space->acquire(2);
    EXPECT_EQ(written.first, span.first);
    EXPECT_FALSE(written.clean);
    Span both = space->acquire(6);
    EXPECT_EQ(both.first, span.first + 2);
    EXPECT_FALSE(both.clean);
    space->release(both, 0); // its holder cleared it
    EXPECT_TRUE(space->acquire(6).clean);
}

TEST_F(ArenaSpan, JoinsItsFreeNeighbours)
{
    std::vector<Span> spans;
    for (int i = 0; i < 16; i++) {
        spans.push_back(space->acquire(4));
    }
    for (int i : {3, 1, 2, 0, 4}) {
        space->release(spans[static_cast<size_t>(i)], i % 2 == 0 ? 4 : 0);
    }
    EXPECT_EQ(space->acquire(20).first, spans[0].first);
}

TEST_F(ArenaSpan, IsHeldUntilItIsReleased)
{
    Span span = space->acquire(4);
    Span next = space->acquire(4);
    for (size_t unit = span.first; unit < next.first + 4; unit++) {
        EXPECT_TRUE(hak_i_arena_holds(&space->arena, unit));
    }
    EXPECT_FALSE(hak_i_arena_holds(&space->arena, next.first + 4));
    EXPECT_EQ(hak_i_arena_next_held(&space->arena, 0), span.first);
    space->release(span, 2);
    EXPECT_FALSE(hak_i_arena_holds(&space->arena, span.first));
    EXPECT_FALSE(hak_i_arena_holds(&space->arena, span.first + 3));
    EXPECT_EQ(hak_i_arena_next_held(&space->arena, 0), next.first);
    EXPECT_EQ(hak_i_arena_next_held(&space->arena, next.first + 1), next.first + 1);
    EXPECT_EQ(hak_i_arena_next_held(&space->arena, next.first + 4), HAK_NO_UNIT);
}

TEST_F(ArenaSpan, NothingOutsideTheRangeIsHeld)
{
    Span all = space->acquire(space->registry.units);
    ASSERT_TRUE(all);
    EXPECT_TRUE(hak_i_arena_holds(&space->arena, space->registry.units - 1));
    for (size_t unit :
         {space->registry.units, space->registry.units + 1, size_t{1} << 49, (size_t{1} << 50) - 1, SIZE_MAX}) {
        EXPECT_FALSE(hak_i_arena_holds(&space->arena, unit));
        EXPECT_EQ(hak_i_arena_next_held(&space->arena, unit), HAK_NO_UNIT);
    }
}

TEST_F(ArenaSpan, ExtendsIntoFreeUnits)
{
    Span span = space->acquire(4);
    EXPECT_TRUE(space->extend(&span, 10));
    EXPECT_EQ(space->committed_mib(), Steps{1});
    EXPECT_EQ(space->acquire(1).first, span.first + 14);
    EXPECT_FALSE(space->extend(&span, 1));
}

TEST_F(ArenaSpan, ExtendsIntoReservedUnitsByWholeSteps)
{
    Span span = space->acquire(mib(1));
    EXPECT_TRUE(space->extend(&span, 10));
    EXPECT_EQ(space->committed_mib(), (Steps{1, 2}));
    EXPECT_EQ(span.units, mib(3));
    EXPECT_TRUE(space->extend(&span, mib(20)));
    EXPECT_EQ(space->committed_mib(), (Steps{1, 2, 20}));
    memset(space->at(span.first), 1, span.units * UNIT);
}

TEST_F(ArenaSpan, ExtendsThroughFreeUnitsIntoReservedOnes)
{
    Span span = space->acquire(60);
    EXPECT_TRUE(space->extend(&span, 10));
    memset(space->at(span.first), 1, span.units * UNIT);
}

TEST_F(ArenaSpan, StaysAsItWasWhenItCannotBeExtended)
{
    Span span = space->acquire(4);
    Span gap = space->acquire(4);
    Span wall = space->acquire(4);
    memset(space->at(gap.first), 1, 2 * UNIT);
    space->release(gap, 2);
    size_t free_units = space->arena.free_units;
    EXPECT_FALSE(space->extend(&span, 5));
    EXPECT_EQ(space->arena.free_units, free_units);
    EXPECT_EQ(hak_i_arena_audit(&space->arena), 0);
    EXPECT_TRUE(space->extend(&span, 4));
    EXPECT_EQ(span.first + span.units, wall.first);
}

TEST_F(ArenaSpan, IsNotExtendedPastTheRange)
{
    Span span = space->acquire(space->registry.units - 3);
    EXPECT_FALSE(space->extend(&span, 4));
    EXPECT_TRUE(space->extend(&span, 3));
    EXPECT_FALSE(space->extend(&span, 1));
}

/* ------------------------------------------------------------------------------------------------------ room ---- */

TEST_F(ArenaRoom, AllowsManyExtensions)
{
    fake_os::reset();
    fake_os::set_physical_bytes(512 * MiB);
    ASSERT_TRUE(start());
    Span span = space->acquire_roomy(4);
    ASSERT_TRUE(span);
    EXPECT_TRUE(span.clean);
    for (int i = 0; i < 50; i++) {
        ASSERT_TRUE(space->acquire(mib(1)));
        ASSERT_TRUE(space->extend(&span, 16));
    }
    memset(space->at(span.first), 1, span.units * UNIT);
}

TEST_F(ArenaRoom, KeepsRoomBehindEachOfTwo)
{
    Span first = space->acquire_roomy(16);
    Span second = space->acquire_roomy(16);
    EXPECT_TRUE(space->extend(&first, 16));
    EXPECT_TRUE(space->extend(&second, 16));
}

TEST_F(ArenaRoom, UsesFreeMemoryWithRoomBehindIt)
{
    space->release(space->acquire(mib(1)), mib(1));
    Span span = space->acquire_roomy(16);
    EXPECT_EQ(space->committed_mib(), Steps{1});
    EXPECT_FALSE(span.clean);
    EXPECT_TRUE(space->extend(&span, 48));
}

TEST_F(ArenaRoom, IsSoughtWhereMemoryIsWritten)
{
    Span clean = space->acquire(mib(4));
    ASSERT_TRUE(space->acquire(1));
    Span written = space->acquire(mib(4));
    ASSERT_TRUE(space->acquire(1));
    space->release(clean, 0);
    space->release(written, written.units);
    EXPECT_EQ(space->acquire_roomy(16).first, written.first);
    EXPECT_EQ(space->acquire_roomy(mib(1)).first, clean.first) << "no room behind it in the other";
}

TEST_F(ArenaRoom, EmptiesTheCacheForWrittenMemory)
{
    Span clean = space->acquire(mib(4));
    ASSERT_TRUE(space->acquire(1));
    void *block = space->large(2 * MiB);
    ASSERT_TRUE(space->acquire(1));
    space->release(clean, 0);
    ASSERT_TRUE(space->free_large(block));
    ASSERT_NE(space->arena.cache.units, 0u);
    EXPECT_EQ(space->acquire_roomy(UNITS_PER_MIB / 4).first, space->unit_of(block));
    EXPECT_EQ(space->arena.cache.units, 0u);
}

TEST_F(ArenaRoom, TakesAnyPlaceWhenThereIsNoRoom)
{
    ASSERT_TRUE(space->acquire(mib(120)));
    Span span = space->acquire_roomy(mib(5));
    ASSERT_TRUE(span);
    memset(space->at(span.first), 1, span.units * UNIT);
}

TEST_F(ArenaRoom, TakesAnyPlaceWhenTheMiddleIsRefused)
{
    ASSERT_TRUE(space->acquire(mib(1)));
    fake_os::fail_once(1, HAK_OS_COMMIT);
    Span span = space->acquire_roomy(4);
    ASSERT_TRUE(span);
    EXPECT_EQ(fake_os::failures(), 1u);
}

TEST_F(ArenaRoom, IsSoughtAmidReservedUnitsOnlySoOftenByThreadsAtOnceToo)
{
    fake_os::reset();
    fake_os::set_physical_bytes(65536 * MiB);
    ASSERT_TRUE(start());
    size_t amid_reserved = 0;
    auto acquire = [&] {
        Span span = space->acquire_roomy(mib(8));
        ASSERT_TRUE(span);
        amid_reserved += span.first != 0 && hak_i_runs_has(&space->arena.reserve, span.first - 1);
    };
    acquire();
    for (int i = 0; i < 100; i++) {
        fake_os::during_commit(acquire);
        acquire();
    }
    EXPECT_EQ(amid_reserved, 32u);
}
