// SPDX-License-Identifier: MIT
// The budget where memory is handed out: what is charged, what goes back before soft is passed, what hard refuses.
#include "arena/fixture.h"

#include <atomic>
#include <thread>

using namespace hak_test;

namespace {

class ArenaBudget : public ArenaTest {
protected:
    size_t charged() const { return hak_i_arena_charged_bytes(&space->arena); }
    /** Limits so much above what is charged now. */
    void set_above(size_t soft_bytes, size_t hard_bytes)
    {
        size_t now = charged();
        hak_i_arena_budget_set(&space->arena, now + soft_bytes, now + hard_bytes);
    }
    void write(const Span &span) const { memset(space->at(span.first), 1, span.units * UNIT); }
};

} // namespace

TEST_F(ArenaBudget, ChargesWhatIsInUseOrWritten)
{
    Span first = space->acquire(mib(1)); // with which the first tables and a step are made usable
    size_t before = charged();
    Span span = space->acquire(mib(3));
    EXPECT_EQ(charged(), before + 3 * MiB);
    space->release(span, mib(2));
    EXPECT_EQ(charged(), before + 2 * MiB);
    Span again = space->acquire(mib(1));
    EXPECT_EQ(charged(), before + 2 * MiB) << "written already";
    space->release(again, again.units);
    hak_i_arena_purge(&space->arena);
    EXPECT_EQ(charged(), before);
    space->release(first, 0);
    EXPECT_EQ(charged(), before - 1 * MiB);
}

TEST_F(ArenaBudget, ChargesRecordsByWhatDescribesMemory)
{
    fake_os::reset();
    fake_os::set_physical_bytes(size_t{512} << 30);
    ASSERT_TRUE(start());
    EXPECT_GT(space->meta.committed_bytes, 16 * MiB);
    EXPECT_LE(charged(), 64 * KiB);
    ASSERT_TRUE(space->acquire(1));
    EXPECT_GE(charged(), 16 * KiB + 192 * KiB);
    EXPECT_LE(charged(), 512 * KiB);
    fake_os::reset();
    ASSERT_TRUE(start());
}

TEST_F(ArenaBudget, ChargesLargeBlocksWithoutTheRoomBehindThem)
{
    ASSERT_TRUE(space->acquire(mib(1)));
    size_t before = charged();
    void *block = hak_i_arena_large_acquire_roomy(&space->arena, 100 * KiB);
    ASSERT_GT(space->record(block)->units, 64u);
    size_t tables = hak_i_registry_pieces(&space->registry) > 1 ? 256 * KiB : 0;
    EXPECT_LE(charged(), before + 112 * KiB + tables);
    size_t small = charged();
    ASSERT_TRUE(hak_i_arena_large_resize(&space->arena, space->record(block), 512 * KiB));
    EXPECT_EQ(charged(), small + 400 * KiB);
    ASSERT_TRUE(hak_i_arena_large_resize(&space->arena, space->record(block), 300 * KiB));
    EXPECT_EQ(charged(), small + 400 * KiB) << "what was given up is written";
    EXPECT_TRUE(space->free_large(block));
    hak_i_arena_purge(&space->arena);
    EXPECT_EQ(charged(), before + tables);
    EXPECT_EQ(space->arena.large_written_units, 0u);
}

TEST_F(ArenaBudget, ChargesRoomBeforeWhatIsAddedBehindIt)
{
    ASSERT_TRUE(space->acquire(mib(1)));
    void *block = hak_i_arena_large_acquire_roomy(&space->arena, 100 * KiB);
    hak_large *large = space->record(block);
    size_t asked_units = large->asked_units, units = large->units;
    ASSERT_GT(units, 64u);
    size_t room_bytes = (units - asked_units) * UNIT;
    set_above(room_bytes, room_bytes + 512 * KiB);
    size_t before = charged(), hard = space->arena.budget.hard_bytes;
    EXPECT_FALSE(hak_i_arena_large_resize(&space->arena, large, units * UNIT + MiB));
    EXPECT_LE(charged(), before + 256 * KiB) << "tables at most";
    EXPECT_EQ(large->written_units, asked_units);
    EXPECT_TRUE(hak_i_arena_large_resize(&space->arena, large, units * UNIT + 64 * KiB));
    EXPECT_LE(charged(), hard);
    EXPECT_TRUE(space->free_large(block));
}

TEST_F(ArenaBudget, PastSoftGivesBackWhatIsAddedAndNoMore)
{
    hak_i_base_options.dirty_min = 64 * MiB;
    Span kept = space->acquire(mib(1)), wall = space->acquire(1), written = space->acquire(mib(8));
    write(written);
    space->release(written, written.units);
    set_above(1 * MiB, 8 * MiB);
    fake_os::forget_calls();
    ASSERT_TRUE(space->acquire(mib(9))) << "the written part of it is nothing new";
    EXPECT_TRUE(fake_os::calls(HAK_OS_PURGE).empty());
    EXPECT_FALSE(hak_i_arena_is_pressed(&space->arena));
    space->release(kept, kept.units);
    size_t before = charged();
    ASSERT_TRUE(space->acquire(mib(2)));
    EXPECT_EQ(charged(), before + 1 * MiB) << "two taken, the kept one given back";
    EXPECT_TRUE(hak_i_arena_is_pressed(&space->arena));
    EXPECT_EQ(fake_os::calls(HAK_OS_PURGE).size(), 1u);
    (void)wall;
}

TEST_F(ArenaBudget, IsNotPressedWhereGivingBackSuffices)
{
    hak_i_base_options.dirty_min = 64 * MiB;
    std::vector<Span> spans;
    for (int i = 0; i < 16; i++) {
        spans.push_back(space->acquire(16));
        space->acquire(1);
    }
    set_above(0, 1 * MiB);
    size_t soft = charged();
    for (const Span &span : spans) {
        write(span);
        space->release(span, span.units);
    }
    ASSERT_TRUE(space->acquire(mib(2))) << "in one piece there is none";
    EXPECT_LE(charged(), soft);
    EXPECT_FALSE(hak_i_arena_is_pressed(&space->arena));
    EXPECT_FALSE(hak_i_arena_shed(&space->arena));
}

TEST_F(ArenaBudget, EmptiesBigCacheBeforeItRefuses)
{
    hak_i_base_options.dirty_min = 64 * MiB;
    void *block = space->large(6 * MiB);
    set_above(0, 1 * MiB);
    memset(block, 1, 6 * MiB);
    ASSERT_TRUE(space->free_large(block));
    ASSERT_NE(space->arena.cache.units, 0u);
    for (int i = 0; i < 7 * 16; i++) {
        ASSERT_TRUE(space->acquire(4)) << i;
    }
    EXPECT_FALSE(space->acquire(4));
}

TEST_F(ArenaBudget, RefusesPastHardAndChangesNothing)
{
    Span held = space->acquire(mib(1));
    set_above(1 * MiB, 2 * MiB);
    Span last = space->acquire(mib(2)); // behind it lies the reserve
    ASSERT_TRUE(last);
    size_t before = charged(), free_units = space->arena.free_units, committed = space->arena.committed_units;
    fake_os::forget_calls();
    for (size_t units : {size_t{1}, mib(1), mib(40)}) {
        uint64_t refusals = hak_i_arena_refusals(&space->arena);
        EXPECT_FALSE(space->acquire(units));
        EXPECT_FALSE(space->acquire_roomy(units));
        EXPECT_EQ(space->large(units * UNIT), nullptr);
        EXPECT_FALSE(space->extend(&held, units));
        EXPECT_FALSE(space->extend(&last, units));
        EXPECT_GE(hak_i_arena_refusals(&space->arena), refusals + 5);
    }
    EXPECT_TRUE(fake_os::calls(HAK_OS_COMMIT).empty());
    EXPECT_EQ(charged(), before);
    EXPECT_EQ(space->arena.free_units, free_units);
    EXPECT_EQ(space->arena.committed_units, committed);
    hak_i_arena_budget_set(&space->arena, SIZE_MAX, SIZE_MAX);
    EXPECT_TRUE(space->acquire(mib(20)));
    EXPECT_FALSE(hak_i_arena_is_pressed(&space->arena));
}

TEST_F(ArenaBudget, HandsOutWrittenMemoryWhateverIsCharged)
{
    hak_i_base_options.dirty_min = 64 * MiB;
    Span span = space->acquire(mib(4));
    space->release(span, span.units);
    hak_i_arena_budget_set(&space->arena, 1, 1);
    EXPECT_TRUE(space->acquire(mib(3)));
    EXPECT_TRUE(space->acquire(mib(1)));
    EXPECT_FALSE(space->acquire(1));
}

TEST_F(ArenaBudget, TakesNoRoomForGrowthNearSoft)
{
    Span span = space->acquire(mib(8));
    set_above(6 * MiB, 6 * MiB);
    ASSERT_TRUE(space->extend(&span, mib(1)));
    ASSERT_GT(span.units, mib(9)) << "a whole step";
    set_above(1 * MiB, 2 * MiB);
    size_t units = span.units;
    ASSERT_TRUE(space->extend(&span, mib(2)));
    EXPECT_EQ(span.units, units + mib(2));
    set_above(1 * MiB, 2 * MiB);
    Span other = space->acquire_roomy(mib(2));
    ASSERT_TRUE(other);
    EXPECT_EQ(other.units, mib(2));
}

TEST_F(ArenaBudget, NeedsOnlyTheDifferenceForABlockThatMoves)
{
    auto *block = static_cast<char *>(space->large(8 * MiB));
    Span wall = space->acquire(1);
    memset(block, 1, 8 * MiB);
    set_above(1 * MiB, 2 * MiB);
    EXPECT_EQ(hak_i_arena_large_move(&space->arena, space->record(block), 11 * MiB), nullptr);
    auto *moved = static_cast<char *>(hak_i_arena_large_move(&space->arena, space->record(block), 10 * MiB));
    ASSERT_NE(moved, nullptr);
    EXPECT_EQ(std::count(moved, moved + 8 * MiB, 1), static_cast<long>(8 * MiB));
    EXPECT_EQ(space->arena.budget.moving_units, 0u);
    EXPECT_FALSE(space->acquire(mib(1)));
    EXPECT_TRUE(space->free_large(moved));
    (void)wall;
}

TEST_F(ArenaBudget, NeedsRoomForAllOfABlockThatIsCopied)
{
    auto *block = static_cast<char *>(space->large(8 * MiB));
    Span wall = space->acquire(1);
    memset(block, 1, 8 * MiB);
    set_above(1 * MiB, 9 * MiB);
    size_t before = charged();
    uint64_t refusals = hak_i_arena_refusals(&space->arena);
    fake_os::refuse_moves(2, HAK_OS_NO_MEMORY);
    EXPECT_EQ(hak_i_arena_large_move(&space->arena, space->record(block), 10 * MiB), nullptr);
    EXPECT_GT(hak_i_arena_refusals(&space->arena), refusals);
    EXPECT_LE(charged(), before + 64 * KiB) << "a record more";
    EXPECT_EQ(std::count(block, block + 8 * MiB, 1), static_cast<long>(8 * MiB));
    auto *copied = static_cast<char *>(hak_i_arena_large_move(&space->arena, space->record(block), 9 * MiB));
    ASSERT_NE(copied, nullptr);
    EXPECT_EQ(std::count(copied, copied + 8 * MiB, 1), static_cast<long>(8 * MiB));
    EXPECT_EQ(space->arena.budget.moving_units, 0u);
    EXPECT_TRUE(space->free_large(copied));
    (void)wall;
}

TEST_F(ArenaBudget, GivesBackForABlockThatIsCopied)
{
    hak_i_base_options.dirty_min = 64 * MiB;
    auto *block = static_cast<char *>(space->large(8 * MiB));
    Span wall = space->acquire(1), written = space->acquire(mib(4));
    Span other_wall = space->acquire(1);
    space->release(written, written.units);
    set_above(0, 5 * MiB);
    fake_os::refuse_moves(1, HAK_OS_NO_MEMORY);
    EXPECT_NE(hak_i_arena_large_move(&space->arena, space->record(block), 9 * MiB), nullptr);
    (void)wall, (void)other_wall;
}

TEST_F(ArenaBudget, LetsHeapsRetainAnEighth)
{
    hak_i_arena_budget_set(&space->arena, 1 * MiB, 1 * MiB);
    EXPECT_TRUE(hak_i_arena_retain(&space->arena, 128 * KiB));
    EXPECT_FALSE(hak_i_arena_retain(&space->arena, 16 * KiB));
    hak_i_arena_budget_set(&space->arena, SIZE_MAX, SIZE_MAX);
    EXPECT_TRUE(hak_i_arena_retain(&space->arena, 16 * KiB));
    hak_i_arena_unretain(&space->arena, 144 * KiB);
}

TEST_F(ArenaBudget, IsNotPassedByThreadsTogether)
{
    constexpr int THREADS = 4, ROUNDS = 300;
    constexpr size_t HARD = 12 * MiB;
    set_above(HARD / 2, HARD);
    size_t hard = space->arena.budget.hard_bytes;
    std::atomic<size_t> most{0}, refused{0};
    auto work = [&](unsigned seed) {
        std::minstd_rand random(seed);
        std::vector<Span> spans;
        for (int round = 0; round < ROUNDS; round++) {
            size_t units = 1 + random() % mib(2);
            Span span = round % 3 == 0 ? space->acquire_roomy(units) : space->acquire(units);
            if (span) {
                spans.push_back(span);
                space->extend(&spans.back(), 1 + random() % mib(2));
            }
            hak_i_base_lock(&space->arena.lock);
            size_t now = charged();
            hak_i_base_unlock(&space->arena.lock);
            size_t seen = most;
            while (now > seen && !most.compare_exchange_weak(seen, now)) {
            }
            refused += !span;
            while (!spans.empty() && (!span || random() % 3 == 0)) {
                space->release(spans.back(), spans.back().units);
                spans.pop_back();
                span.first = 0;
            }
        }
        for (const Span &span : spans) {
            space->release(span, span.units);
        }
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < THREADS; i++) {
        threads.emplace_back(work, i + 1);
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_GT(refused, 0u);
    EXPECT_LE(most, hard + 256 * KiB) << "records are not refused";
}

TEST_F(ArenaBudget, ChargesTheWholeOfAHugePage)
{
    hak_i_base_options.thp = HAK_THP_ALWAYS;
    ASSERT_TRUE(start());
    Span span = space->acquire(mib(6));
    space->release(span, 0);
    ASSERT_GE(space->arena.huge_pages, 2u);
    set_above(1 * MiB, 1 * MiB);
    EXPECT_FALSE(space->acquire(1));
    EXPECT_FALSE(space->acquire_roomy(1));
    set_above(2 * MiB, 2 * MiB);
    size_t before = charged();
    ASSERT_TRUE(space->acquire(1));
    EXPECT_EQ(charged(), before + 2 * MiB);
    EXPECT_TRUE(space->acquire(HAK_HUGE_UNITS - 1)) << "it is there already";
    EXPECT_FALSE(space->acquire(1));
}

TEST_F(ArenaBudget, LooksAgainAfterTheLockWasLetGo)
{
    Span span = space->acquire(mib(1));
    auto take_meanwhile = [&] { EXPECT_TRUE(space->acquire(mib(5))); };
    set_above(8 * MiB, 8 * MiB);
    size_t hard = space->arena.budget.hard_bytes;
    fake_os::during_commit(take_meanwhile);
    EXPECT_FALSE(space->extend(&span, mib(4)));
    EXPECT_LE(charged(), hard);
    set_above(8 * MiB, 8 * MiB);
    hard = space->arena.budget.hard_bytes;
    fake_os::during_commit(take_meanwhile);
    EXPECT_FALSE(space->acquire_roomy(mib(5)));
    EXPECT_LE(charged(), hard);
    set_above(20 * MiB, 20 * MiB);
    hard = space->arena.budget.hard_bytes;
    fake_os::during_commit([&] { EXPECT_TRUE(space->acquire(mib(9))); });
    EXPECT_FALSE(space->acquire(mib(12)));
    EXPECT_LE(charged(), hard);
}

TEST_F(ArenaBudget, SurvivesEachRefusedCall)
{
    size_t runs = fake_os::fail_each_call([&] {
        Space own;
        if (!own.init()) {
            return;
        }
        hak_i_arena_budget_set(&own.arena, 2 * MiB, 4 * MiB);
        std::vector<Span> spans;
        for (size_t units : {size_t{5}, mib(1), size_t{1}, mib(2), size_t{60}}) {
            Span span = units % 2 == 0 ? own.acquire_roomy(units) : own.acquire(units);
            if (span) {
                own.extend(&span, 30);
                spans.push_back(span);
            }
            if (spans.size() == 2) {
                own.release(spans.front(), spans.front().units);
                spans.erase(spans.begin());
            }
        }
        EXPECT_LE(hak_i_arena_charged_bytes(&own.arena), 4 * MiB + 512 * KiB);
        EXPECT_EQ(hak_i_arena_audit(&own.arena), 0);
    });
    EXPECT_GE(runs, 10u);
    ASSERT_TRUE(start());
}
