// SPDX-License-Identifier: MIT
// The bound on free written memory: what exceeds it goes back at once, and what goes back too early is remembered.
#include "arena/fixture.h"

using namespace hak_test;

namespace {

class ArenaBound : public ArenaTest {
protected:
    void SetUp() override
    {
        ArenaTest::SetUp();
        hak_i_base_options.dirty_min = 4 * MiB;
        hak_i_base_options.dirty_percent = 0;
        hak_i_base_options.thp = HAK_THP_NEVER; // which would count more as written
    }

    void expect_within_bound() { EXPECT_LE(space->written_units(), space->bound_units()); }

    void write(const Span &span) { memset(space->at(span.first), 1, span.units * UNIT); }

    /** Spans apart from each other, all written. */
    std::vector<Span> written_spans(size_t count, size_t units)
    {
        std::vector<Span> spans;
        for (size_t i = 0; i < count; i++) {
            spans.push_back(space->acquire(units));
            write(spans.back());
            space->acquire(1);
        }
        return spans;
    }

    void release_all(const std::vector<Span> &spans)
    {
        for (const Span &span : spans) {
            space->release(span, span.units);
            expect_within_bound();
        }
    }

    /** Purges 8 MiB by the bound and needs it again `pause_ms` later. */
    void regret_after(uint64_t pause_ms)
    {
        release_all(written_spans(1, mib(8)));
        fake_os::advance_ms(pause_ms);
        for (int i = 0; i < 8; i++) {
            space->acquire(mib(1));
        }
    }
};

} // namespace

TEST_F(ArenaBound, KeepsWhatIsWithinIt)
{
    release_all(written_spans(16, 16));
    EXPECT_EQ(space->arena.dirty_units, mib(4));
    EXPECT_EQ(fake_os::purged_bytes(), 0u);
}

TEST_F(ArenaBound, GoesASixteenthBelowItOnceExceeded)
{
    release_all(written_spans(17, 16));
    EXPECT_LE(space->arena.dirty_units, mib(4) / 16 * 15);
    EXPECT_GE(space->arena.dirty_units, mib(3));
}

TEST_F(ArenaBound, GivesBackTheLongestSpansFirst)
{
    std::vector<Span> small = written_spans(40, 4);
    Span large = space->acquire(mib(2));
    write(large);
    release_all(small);
    space->release(large, large.units);
    std::vector<fake_os::Call> purges = fake_os::calls(HAK_OS_PURGE);
    ASSERT_EQ(purges.size(), 1u);
    EXPECT_EQ(hak_i_registry_unit(&space->registry, purges[0].address), large.first);
    EXPECT_EQ(purges[0].bytes, 2 * MiB);
}

TEST_F(ArenaBound, GivesBackOnlyPartOfALongSpan)
{
    release_all(written_spans(1, mib(5)));
    EXPECT_EQ(space->arena.dirty_units, mib(3));
    EXPECT_EQ(fake_os::purged_bytes(), 2 * MiB);
}

TEST_F(ArenaBound, WhatDoesNotFitGoesBackBeforeANewPeak)
{
    release_all(written_spans(40, 4));
    size_t peak = hak_i_arena_charged_bytes(&space->arena);
    Span span = space->acquire(mib(2));
    EXPECT_TRUE(span.clean);
    EXPECT_EQ(fake_os::purged_bytes(), 2 * MiB);
    EXPECT_LE(hak_i_arena_charged_bytes(&space->arena), peak);
    EXPECT_EQ(hak_i_arena_audit(&space->arena), 0);
}

TEST_F(ArenaBound, AFifthOfTheLeastStaysAtANewPeak)
{
    release_all(written_spans(12, 4));
    space->acquire(mib(2));
    EXPECT_EQ(fake_os::purged_bytes(), 0u);
}

TEST_F(ArenaBound, WhatStaysBelowThePeakGivesNothingBack)
{
    space->release(space->acquire(mib(8)), mib(8));
    hak_i_arena_purge(&space->arena);
    size_t purged = fake_os::purged_bytes();
    release_all(written_spans(40, 4));
    space->acquire(mib(2));
    EXPECT_EQ(fake_os::purged_bytes(), purged);
}

TEST_F(ArenaBound, ABlockThatMovesToGrowGivesBackBeforeANewPeak)
{
    release_all(written_spans(40, 4));
    ASSERT_TRUE(space->acquire_roomy(mib(2)));
    EXPECT_EQ(fake_os::purged_bytes(), 2 * MiB);
}

TEST_F(ArenaBound, AShareOfTheLiveMemoryStaysAtANewPeak)
{
    hak_i_base_options.dirty_percent = 25;
    ASSERT_TRUE(space->acquire(mib(16)));
    release_all(written_spans(40, 4));
    space->acquire(mib(2));
    EXPECT_EQ(fake_os::purged_bytes(), 0u);
    hak_i_base_options.dirty_percent = -1;
    hak_i_base_options.dirty_min = 0;
    space->acquire(mib(32));
    EXPECT_EQ(fake_os::purged_bytes(), 0u) << "all is kept";
}

TEST_F(ArenaBound, NeedsFewCalls)
{
    release_all(written_spans(1, mib(60)));
    EXPECT_LE(fake_os::calls(HAK_OS_PURGE).size(), 1u);
}

TEST_F(ArenaBound, IsAShareOfTheLiveMemory)
{
    hak_i_base_options.dirty_percent = 25;
    ASSERT_TRUE(space->acquire(mib(40)));
    release_all(written_spans(1, mib(10)));
    EXPECT_EQ(space->arena.dirty_units, mib(10));
}

TEST_F(ArenaBound, FallsWithTheLiveMemory)
{
    hak_i_base_options.dirty_percent = 25;
    Span live = space->acquire(mib(40));
    release_all(written_spans(1, mib(10)));
    space->release(live, 0);
    expect_within_bound();
}

TEST_F(ArenaBound, CountsNothingAsLiveThatIsOnItsWayBack)
{
    hak_i_base_options.dirty_min = 0;
    hak_i_base_options.dirty_percent = 25;
    std::vector<Span> longer = written_spans(1, mib(16));
    std::vector<Span> spans = written_spans(16, mib(1));
    bool meanwhile = false;
    fake_os::during_purge([&] {
        release_all(spans);
        meanwhile = true;
    });
    release_all(longer);
    EXPECT_TRUE(meanwhile);
}

TEST_F(ArenaBound, CanBeNothingAndEverything)
{
    hak_i_base_options.dirty_min = 0;
    release_all(written_spans(10, 5));
    EXPECT_EQ(space->arena.dirty_units, 0u);
    hak_i_base_options.dirty_percent = -1;
    for (const Span &span : written_spans(1, mib(50))) {
        space->release(span, span.units);
    }
    EXPECT_EQ(space->arena.dirty_units, mib(50));
}

TEST_F(ArenaBound, CountsBigCache)
{
    std::vector<void *> blocks;
    for (int i = 0; i < 8; i++) {
        blocks.push_back(space->large(MiB));
    }
    for (void *block : blocks) {
        memset(block, 1, MiB);
        ASSERT_TRUE(space->free_large(block));
        expect_within_bound();
    }
    EXPECT_GT(space->arena.cache.units, 0u);
    EXPECT_GT(fake_os::purged_bytes(), 0u);
}

TEST_F(ArenaBound, CountsWhatIsRetained)
{
    release_all(written_spans(16, 16));
    hak_i_arena_retain(&space->arena, MiB);
    EXPECT_LE(space->written_units(), space->bound_units());
}

TEST_F(ArenaBound, RetainsUpToHalfOfTheLeast)
{
    for (int i = 0; i < 32; i++) {
        EXPECT_TRUE(hak_i_arena_retain(&space->arena, 64 * KiB));
    }
    EXPECT_FALSE(hak_i_arena_retain(&space->arena, 64 * KiB));
    hak_i_arena_unretain(&space->arena, 64 * KiB);
    EXPECT_TRUE(hak_i_arena_retain(&space->arena, 64 * KiB));
    EXPECT_EQ(space->arena.retained_bytes, 2 * MiB);
    for (int i = 0; i < 32; i++) {
        hak_i_arena_unretain(&space->arena, 64 * KiB);
    }
    EXPECT_EQ(space->arena.retained_bytes, 0u);
}

TEST_F(ArenaBound, WhatWasGivenBackIsClean)
{
    release_all(written_spans(1, mib(20)));
    size_t clean_count = 0;
    for (int i = 0; i < 20; i++) {
        Span span = space->acquire(mib(1));
        clean_count += span.clean;
        EXPECT_TRUE(!span.clean || space->reads_as_zero(span.first, span.units));
    }
    EXPECT_GE(clean_count, 10u);
}

/* ---------------------------------------------------------------------------------------------------- credit ---- */

TEST_F(ArenaBound, GivesCreditForWhatIsNeededAgainSoon)
{
    regret_after(0);
    EXPECT_GT(space->arena.credit_units, 0u);
    EXPECT_EQ(space->arena.credit_units, 4 * space->arena.repurchased_units);
    EXPECT_LE(space->arena.repurchased_units, mib(8));
}

TEST_F(ArenaBound, GivesNoCreditForWhatIsNeededLater)
{
    regret_after(1000);
    EXPECT_EQ(space->arena.credit_units, 0u);
}

TEST_F(ArenaBound, GivesCreditOnceForAUnit)
{
    regret_after(0);
    size_t credit = space->arena.credit_units;
    Span span = space->acquire(mib(1));
    space->release(span, 0);
    space->acquire(mib(1));
    EXPECT_EQ(space->arena.credit_units, credit);
}

TEST_F(ArenaBound, KeepsMoreOnCredit)
{
    regret_after(0);
    size_t credit = space->arena.credit_units;
    ASSERT_GT(credit, mib(2));
    fake_os::forget_calls();
    Span span = space->acquire(mib(4) + credit - space->written_units());
    space->release(span, span.units);
    EXPECT_EQ(fake_os::purged_bytes(), 0u);
    expect_within_bound();
}

TEST_F(ArenaBound, NeverGivesMoreCreditThanTheOptionAllows)
{
    hak_i_base_options.reuse_max = MiB;
    regret_after(0);
    EXPECT_EQ(space->arena.credit_units, mib(1));
}

TEST_F(ArenaBound, HalvesCreditWithEachIdleSecond)
{
    regret_after(0);
    size_t credit = space->arena.credit_units;
    Span small = space->acquire(1);
    auto look = [&] { space->release(small, 1), small = space->acquire(1); };
    fake_os::advance_ms(999);
    look();
    EXPECT_EQ(space->arena.credit_units, credit);
    fake_os::advance_ms(1);
    look();
    EXPECT_EQ(space->arena.credit_units, credit / 2);
    fake_os::advance_ms(3000);
    look();
    EXPECT_EQ(space->arena.credit_units, credit / 16);
    fake_os::advance_ms(uint64_t{1} << 40);
    look();
    EXPECT_EQ(space->arena.credit_units, 0u);
}

TEST_F(ArenaBound, GivesBackWhatWasKeptOnCreditThatIsGone)
{
    regret_after(0);
    Span span = space->acquire(mib(6));
    space->release(span, span.units);
    fake_os::advance_ms(100000);
    release_all(written_spans(1, 1));
    EXPECT_LE(space->arena.dirty_units, mib(4));
}

/* ---------------------------------------------------------------------------------------------- asked to purge ---- */

TEST_F(ArenaBound, PurgesEverythingWhenAsked)
{
    release_all(written_spans(10, 5));
    void *block = space->large(MiB);
    ASSERT_TRUE(space->free_large(block));
    EXPECT_EQ(hak_i_arena_purge(&space->arena), 50 * UNIT + MiB);
    EXPECT_EQ(space->written_units(), 0u);
    EXPECT_EQ(fake_os::purged_bytes(), 50 * UNIT + MiB);
    EXPECT_EQ(hak_i_arena_purge(&space->arena), 0u);
}

TEST_F(ArenaBound, ForgetsCreditWhenAskedToPurge)
{
    regret_after(0);
    ASSERT_GT(space->arena.credit_units, 0u);
    hak_i_arena_purge(&space->arena);
    EXPECT_EQ(space->arena.credit_units, 0u);
}

TEST_F(ArenaBound, GivesNoCreditForWhatWasPurgedWhenAsked)
{
    release_all(written_spans(1, mib(4)));
    hak_i_arena_purge(&space->arena);
    ASSERT_TRUE(space->acquire(mib(4)));
    EXPECT_EQ(space->arena.credit_units, 0u);
}

TEST_F(ArenaBound, PurgesLeaveRetainedMemoryAlone)
{
    ASSERT_TRUE(hak_i_arena_retain(&space->arena, MiB));
    EXPECT_EQ(hak_i_arena_purge(&space->arena), 0u);
    EXPECT_EQ(space->arena.retained_bytes, MiB);
}

/* --------------------------------------------------------------------------------------------------- refused ---- */

TEST_F(ArenaBound, DoesNotAskAgainWhereTheSystemRefuses)
{
    fake_os::fail_from(1, HAK_OS_PURGE);
    for (const Span &span : written_spans(50, 16)) {
        space->release(span, span.units);
    }
    EXPECT_LE(fake_os::calls(HAK_OS_PURGE).size(), 16u);
    EXPECT_EQ(space->arena.dirty_units, 50u * 16);
    EXPECT_EQ(hak_i_arena_audit(&space->arena), 0);
}

TEST_F(ArenaBound, KeepsWrittenWhatCouldNotBeGivenBack)
{
    std::vector<Span> spans = written_spans(1, mib(4));
    space->release(spans[0], mib(4));
    fake_os::fail_from(1, HAK_OS_PURGE);
    EXPECT_EQ(hak_i_arena_purge(&space->arena), 0u);
    Span again = space->acquire(mib(4));
    EXPECT_EQ(again.first, spans[0].first);
    EXPECT_FALSE(again.clean);
}

TEST_F(ArenaBound, AsksAgainWhenAskedToPurge)
{
    release_all(written_spans(4, 16));
    fake_os::fail_from(1, HAK_OS_PURGE);
    EXPECT_EQ(hak_i_arena_purge(&space->arena), 0u);
    fake_os::fail_never();
    EXPECT_EQ(hak_i_arena_purge(&space->arena), MiB);
    release_all(written_spans(20, 16));
}
