// SPDX-License-Identifier: MIT
// Address limits, where nothing is reserved and others may have taken a place, and large pages.
#include "arena/fixture.h"

using namespace hak_test;

namespace {

class ArenaLimit : public ArenaTest {
protected:
    void SetUp() override { ASSERT_TRUE(start_limited(64 * MiB)); }

    bool start_limited(size_t bytes)
    {
        fake_os::reset();
        fake_os::set_address_limit_bytes(bytes);
        return start();
    }
};

class ArenaPages : public ArenaTest, public testing::WithParamInterface<size_t> {
protected:
    void SetUp() override
    {
        fake_os::set_page_bytes(GetParam());
        ASSERT_TRUE(start());
    }

    bool is_whole_pages(size_t unit) const { return unit * UNIT % GetParam() == 0; }
};

} // namespace

INSTANTIATE_TEST_SUITE_P(Sizes, ArenaPages, testing::Values(4 * KiB, 16 * KiB, 64 * KiB),
                         testing::PrintToStringParamName());

TEST_F(ArenaLimit, UsesNearlyAllThatIsAllowed)
{
    for (size_t limit : {16 * MiB, 32 * MiB, 64 * MiB, 256 * MiB, 1024 * MiB}) {
        ASSERT_TRUE(start_limited(limit));
        size_t total = 0;
        while (Span span = space->acquire(4)) {
            *space->at(span.first) = 1;
            total += span.units * UNIT;
        }
        EXPECT_GE(total, limit / 10 * 9) << limit;
        EXPECT_EQ(hak_i_arena_audit(&space->arena), 0);
    }
}

TEST_F(ArenaLimit, MapsOnlyWhatItUses)
{
    size_t before = fake_os::mapped_bytes();
    ASSERT_TRUE(space->acquire(1));
    EXPECT_EQ(fake_os::mapped_bytes() - before, MiB);
}

TEST_F(ArenaLimit, TakesTheNextPlaceWhereOthersHaveTakenOne)
{
    Span first = space->acquire(mib(1));
    fake_os::take_places(3);
    Span second = space->acquire(mib(1));
    ASSERT_TRUE(second);
    EXPECT_GT(second.first, first.first + mib(1));
    memset(space->at(second.first), 1, MiB);
}

TEST_F(ArenaLimit, DoesNotHoldWhatOthersHaveTaken)
{
    Span first = space->acquire(mib(1));
    fake_os::take_places(1);
    Span second = space->acquire(mib(1));
    for (size_t unit = first.first + mib(1); unit < second.first; unit++) {
        ASSERT_FALSE(hak_i_arena_holds(&space->arena, unit)) << unit;
    }
    EXPECT_EQ(hak_i_arena_next_held(&space->arena, first.first + mib(1)), second.first);
}

TEST_F(ArenaLimit, GivesUpWhereEveryPlaceIsTaken)
{
    fake_os::take_places(SIZE_MAX);
    EXPECT_FALSE(space->acquire(1));
    EXPECT_FALSE(space->acquire_roomy(1));
    EXPECT_EQ(space->large(MiB), nullptr);
    EXPECT_LE(fake_os::calls(HAK_OS_COMMIT).size(), 1000u);
}

TEST_F(ArenaLimit, IsUsableAfterSomePlacesWereTaken)
{
    fake_os::take_places(10);
    Span span = space->acquire(1);
    ASSERT_TRUE(span);
    *space->at(span.first) = 1;
}

TEST_F(ArenaLimit, DoesNotExtendOverWhatOthersHaveTaken)
{
    Span span = space->acquire(mib(1));
    fake_os::take_places(1);
    EXPECT_FALSE(space->extend(&span, 4));
    EXPECT_EQ(span.units, mib(1));
    EXPECT_FALSE(space->extend(&span, 4));
}

TEST_F(ArenaLimit, ExtendsByWhatIsNeededWhereAWholeStepIsTooMuch)
{
    Span span = space->acquire(mib(1));
    ASSERT_TRUE(span);
    fake_os::set_address_limit_bytes(fake_os::mapped_bytes() + MiB);
    EXPECT_TRUE(space->extend(&span, 4)); // a step is 2 MiB by now
}

TEST_F(ArenaLimit, TakesAnyPlaceWhereTheMiddleIsTaken)
{
    ASSERT_TRUE(start_limited(512 * MiB));
    ASSERT_TRUE(space->acquire(1));
    fake_os::take_places(1);
    Span span = space->acquire_roomy(4);
    ASSERT_TRUE(span);
    *space->at(span.first) = 1;
}

TEST_F(ArenaLimit, MovesAndCaches)
{
    char *block = static_cast<char *>(space->large(MiB));
    memset(block, 7, MiB);
    char *moved = static_cast<char *>(hak_i_arena_large_move(&space->arena, space->record(block), 3 * MiB));
    ASSERT_NE(moved, nullptr);
    EXPECT_EQ(std::count(moved, moved + MiB, 7), static_cast<long>(MiB));
    EXPECT_TRUE(space->free_large(moved));
    EXPECT_EQ(space->large(3 * MiB), moved);
}

/* ----------------------------------------------------------------------------------------------------- pages ---- */

TEST_P(ArenaPages, SpansAreWholePages)
{
    for (size_t units = 1; units < 40; units++) {
        Span span = space->acquire(units);
        ASSERT_TRUE(span);
        EXPECT_TRUE(is_whole_pages(span.first));
        memset(space->at(span.first), 1, units / 2 * UNIT);
        if (units % 3 == 0) {
            space->release(span, units / 2);
        }
    }
    EXPECT_TRUE(is_whole_pages(space->arena.free_units));
    EXPECT_TRUE(is_whole_pages(space->arena.dirty_units));
}

TEST_P(ArenaPages, WholePagesAreGivenBack)
{
    std::vector<Span> spans;
    for (size_t units = 1; units < 40; units++) {
        spans.push_back(space->acquire(units));
        memset(space->at(spans.back().first), 1, units * UNIT);
    }
    for (size_t i = 0; i < spans.size(); i += 2) {
        space->release(spans[i], spans[i].units);
    }
    EXPECT_GT(hak_i_arena_purge(&space->arena), 0u);
    for (size_t i = 1; i < spans.size(); i += 2) {
        const char *start = space->at(spans[i].first);
        EXPECT_EQ(std::count(start, start + spans[i].units * UNIT, 1), static_cast<long>(spans[i].units * UNIT));
    }
}

TEST_P(ArenaPages, LargeBlocksGrowMoveAndShrink)
{
    for (size_t bytes = 20 * KiB; bytes < 2 * MiB; bytes += bytes / 2 + 5000) {
        char *block = static_cast<char *>(space->large(bytes));
        memset(block, 7, bytes);
        if (hak_i_arena_large_resize(&space->arena, space->record(block), bytes + 30000)) {
            memset(block + bytes, 7, 30000);
        }
        char *moved =
            static_cast<char *>(hak_i_arena_large_move(&space->arena, space->record(block), 2 * bytes + 30000));
        ASSERT_NE(moved, nullptr);
        EXPECT_EQ(std::count(moved, moved + bytes, 7), static_cast<long>(bytes));
        memset(moved, 8, 2 * bytes + 30000);
        EXPECT_TRUE(hak_i_arena_large_resize(&space->arena, space->record(moved), 1000));
        EXPECT_EQ(moved[999], 8);
        EXPECT_TRUE(space->free_large(moved));
        EXPECT_EQ(space->arena.large_units, 0u);
    }
}
