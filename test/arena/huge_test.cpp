// SPDX-License-Identifier: MIT
// Huge pages: who asks for them, and that what they bring along is counted, used first and given back whole.
#include "arena/arena_private.h"
#include "arena/fixture.h"
#include "base/bitmap.h"

using namespace hak_test;

namespace {

constexpr size_t PAGE = HAK_HUGE_UNITS;
constexpr size_t SLAB = 4;

class ArenaHuge : public ArenaTest {
protected:
    void SetUp() override { begin(HAK_THP_AUTO); }

    void begin(hak_option_choice thp)
    {
        fake_os::reset();
        fake_os::set_physical_bytes(256 * MiB);
        hak_i_base_options.thp = thp;
        ASSERT_TRUE(start());
    }

    /** Spans as slabs take them, until so much is committed. */
    void fill_up_to(size_t mebibytes)
    {
        while (space->arena.committed_units - space->arena.free_units < mib(mebibytes)) {
            slabs.push_back(space->acquire(SLAB, SLAB));
            ASSERT_TRUE(slabs.back());
        }
    }

    void give_all_back()
    {
        for (const Span &slab : slabs) {
            space->release(slab, slab.units);
        }
        slabs.clear();
        hak_i_arena_purge(&space->arena);
    }

    /** Takes slabs until one comes out of a huge page that nobody has used. */
    Span first_of_a_page()
    {
        for (;;) {
            size_t dirty_units = space->arena.dirty_units;
            Span span = space->acquire(SLAB, SLAB);
            if (!span || space->arena.dirty_units > dirty_units) {
                return span;
            }
            slabs.push_back(span);
        }
    }

    static std::vector<fake_os::Call> advice() { return fake_os::calls(HAK_OS_ADVISE); }

    char *move(const void *block, size_t bytes)
    {
        return static_cast<char *>(hak_i_arena_large_move(&space->arena, space->record(block), bytes));
    }

    bool is_huge(size_t unit) const { return hak_bitmap_count(space->arena.huge, unit / PAGE, 1) != 0; }

    std::vector<Span> slabs;
};

} // namespace

TEST_F(ArenaHuge, ASmallHeapAsksForNone)
{
    fill_up_to(38);
    ASSERT_EQ(advice().size(), 1u);
    EXPECT_FALSE(advice()[0].huge);
    EXPECT_EQ(advice()[0].bytes, space->registry.units * UNIT);
    EXPECT_EQ(space->arena.huge_pages, 0u);
}

TEST_F(ArenaHuge, ADenseHeapAsksOnceAGrowthStep)
{
    fill_up_to(80);
    std::vector<fake_os::Call> asked = advice();
    ASSERT_EQ(asked.size(), 6u) << "what the last small step has left, and four steps";
    size_t bytes = 0;
    for (size_t i = 1; i < asked.size(); i++) {
        EXPECT_TRUE(asked[i].huge);
        EXPECT_EQ((asked[i].address + asked[i].bytes) % (2 * MiB), 0u);
        bytes += asked[i].bytes;
    }
    EXPECT_EQ(space->arena.huge_pages, bytes / (2 * MiB));
}

TEST_F(ArenaHuge, LargeBlocksDoNotAsk)
{
    for (int i = 0; i < 20; i++) {
        ASSERT_NE(space->large(4 * MiB), nullptr);
    }
    EXPECT_EQ(space->arena.huge_pages, 0u);
}

TEST_F(ArenaHuge, NeverIsNever)
{
    begin(HAK_THP_NEVER);
    fill_up_to(80);
    ASSERT_EQ(advice().size(), 1u);
    EXPECT_FALSE(advice()[0].huge);
}

TEST_F(ArenaHuge, AlwaysAsksForTheWholeRangeAtTheStart)
{
    begin(HAK_THP_ALWAYS);
    fill_up_to(80);
    ASSERT_EQ(advice().size(), 1u);
    EXPECT_TRUE(advice()[0].huge);
    EXPECT_GT(space->arena.huge_pages, 30u);
}

TEST_F(ArenaHuge, APageThatTwoChunksShareIsOne)
{
    begin(HAK_THP_ALWAYS);
    Span first = space->acquire(mib(5)); // more than a step, so that is all
    ASSERT_EQ(space->arena.committed_units, mib(5));
    EXPECT_EQ(space->arena.huge_pages, 2u);
    space->release(first, 0);
    ASSERT_TRUE(space->acquire(mib(6)));
    EXPECT_EQ(space->arena.huge_pages, space->arena.committed_units / PAGE);
    EXPECT_TRUE(is_huge(mib(4)));
}

TEST_F(ArenaHuge, APageThatIsCompletedInUseCountsWhole)
{
    begin(HAK_THP_ALWAYS);
    Span first = space->acquire(mib(5));
    Span next = space->acquire(1);
    ASSERT_EQ(next.first, first.first + first.units);
    EXPECT_TRUE(is_huge(next.first));
    EXPECT_EQ(space->arena.dirty_units, mib(1) - 1);
    EXPECT_TRUE(space->acquire(mib(1) - 1).clean) << "nobody has written it";
    EXPECT_EQ(space->arena.dirty_units, 0u);
}

TEST_F(ArenaHuge, APageThatIsNotAskedForInPartIsNone)
{
    begin(HAK_THP_ALWAYS);
    Span first = space->acquire(mib(5));
    ASSERT_TRUE(space->extend(&first, mib(2))); // room for growth asks for none
    ASSERT_EQ((first.first + first.units) % PAGE, mib(1));
    ASSERT_TRUE(space->acquire(mib(8)));
    EXPECT_FALSE(is_huge(mib(4)));
    EXPECT_FALSE(is_huge(first.first + first.units));
}

TEST_F(ArenaHuge, WhereNothingIsReservedEachChunkIsAdvised)
{
    fake_os::reset();
    fake_os::set_address_limit_bytes(256 * MiB);
    ASSERT_TRUE(start());
    fill_up_to(50);
    std::vector<fake_os::Call> asked = advice();
    EXPECT_FALSE(asked.front().huge);
    EXPECT_TRUE(asked.back().huge);
    EXPECT_EQ(asked.size(), space->committed_mib().size() + 1) << "and what the last small one has left";
}

TEST_F(ArenaHuge, SlabsAskWhereTheyOpenMemoryThatWasGivenBack)
{
    fill_up_to(80);
    size_t before = space->arena.huge_pages;
    give_all_back();
    size_t calls = advice().size();
    fill_up_to(60);
    EXPECT_GE(space->arena.huge_pages, before + 15) << "also those that were small";
    EXPECT_LE(advice().size() - calls, 6u) << "several at a time";
    EXPECT_EQ(hak_i_arena_audit(&space->arena), 0);
    EXPECT_EQ(space->arena.purging_units, 0u);
}

TEST_F(ArenaHuge, ASlabThatOpensPagesBringsOneOfThem)
{
    fill_up_to(80);
    give_all_back();
    ASSERT_TRUE(space->acquire(SLAB, SLAB));
    EXPECT_EQ(space->arena.dirty_units, PAGE - SLAB);
}

TEST_F(ArenaHuge, LargerSpansDoNotAskWhereMemoryWasGivenBack)
{
    fill_up_to(80);
    size_t before = space->arena.huge_pages;
    give_all_back();
    ASSERT_TRUE(space->acquire(2 * SLAB, 2 * SLAB));
    EXPECT_EQ(space->arena.huge_pages, before);
}

TEST_F(ArenaHuge, MemoryThatWasGivenBackStaysSmallWhereTheBudgetHasNoRoom)
{
    fill_up_to(80);
    size_t before = space->arena.huge_pages;
    give_all_back();
    space->arena.budget.soft_bytes = 1 * MiB;
    ASSERT_TRUE(space->acquire(SLAB, SLAB));
    EXPECT_EQ(space->arena.huge_pages, before);
}

TEST_F(ArenaHuge, MappingsAreDividedSoOftenAlone)
{
    fake_os::reset();
    fake_os::set_physical_bytes(1024 * MiB);
    ASSERT_TRUE(start());
    fill_up_to(600);
    give_all_back();
    for (size_t page = 0; page < space->arena.huge_end; page += 2) { // every other one is split
        space->arena.huge[page / 64] &= ~(uint64_t{1} << page % 64);
    }
    space->arena.huge_pages = hak_bitmap_count(space->arena.huge, 0, space->arena.huge_end);
    size_t calls = advice().size();
    ASSERT_TRUE(space->acquire(SLAB, SLAB));
    EXPECT_EQ(advice().size(), calls);
}

TEST_F(ArenaHuge, RefusedAdviceChangesNothing)
{
    fake_os::fail_from(1, HAK_OS_ADVISE);
    fill_up_to(80);
    EXPECT_EQ(hak_i_arena_audit(&space->arena), 0);
}

TEST_F(ArenaHuge, TheFirstUnitBringsItsPage)
{
    fill_up_to(50);
    size_t dirty_units = space->arena.dirty_units;
    Span first = first_of_a_page();
    ASSERT_TRUE(first);
    EXPECT_TRUE(is_huge(first.first));
    EXPECT_TRUE(first.clean);
    EXPECT_EQ(space->arena.dirty_units, PAGE - SLAB + dirty_units % SLAB);
    Span next = space->acquire(SLAB, SLAB);
    EXPECT_EQ(next.first, first.first + SLAB);
}

TEST_F(ArenaHuge, WhatAPageBroughtReadsAsZeroUntilItIsUsed)
{
    fill_up_to(50);
    first_of_a_page();
    Span span = space->acquire(SLAB, SLAB);
    EXPECT_TRUE(span.clean);
    EXPECT_TRUE(space->reads_as_zero(span.first, SLAB));
    memset(space->at(span.first), 1, SLAB * UNIT);
    space->release(span, SLAB);
    EXPECT_FALSE(space->acquire(SLAB, SLAB).clean);
}

TEST_F(ArenaHuge, APageIsNotOpenedBeyondTheBound)
{
    hak_i_base_options.dirty_min = MiB;
    hak_i_base_options.dirty_percent = 0;
    fill_up_to(50);
    for (int i = 0; i < 100; i++) {
        slabs.push_back(space->acquire(SLAB, SLAB));
        ASSERT_LE(space->written_units(), space->bound_units());
    }
}

TEST_F(ArenaHuge, WholePagesGoBackFirst)
{
    fill_up_to(80);
    for (const Span &span : slabs) {
        if (is_huge(span.first)) {
            memset(space->at(span.first), 1, SLAB * UNIT);
        }
    }
    size_t huge_pages = space->arena.huge_pages;
    fake_os::forget_calls();
    for (const Span &span : slabs) {
        space->release(span, SLAB);
    }
    EXPECT_EQ(space->arena.huge_pages, huge_pages);
    ASSERT_FALSE(fake_os::calls(HAK_OS_PURGE).empty());
    for (const fake_os::Call &call : fake_os::calls(HAK_OS_PURGE)) {
        EXPECT_EQ(call.address % (2 * MiB), 0u);
        EXPECT_EQ(call.bytes % (2 * MiB), 0u);
    }
    EXPECT_TRUE(advice().empty());
}

TEST_F(ArenaHuge, APageThatGoesBackInPartIsNoneAnyMore)
{
    fill_up_to(50);
    Span span = slabs.back();
    ASSERT_TRUE(is_huge(span.first));
    hak_i_base_options.dirty_min = 0;
    hak_i_base_options.dirty_percent = 0;
    memset(space->at(span.first), 1, SLAB * UNIT);
    fake_os::forget_calls();
    space->release(span, SLAB);
    EXPECT_FALSE(is_huge(span.first));
    ASSERT_EQ(advice().size(), 1u);
    EXPECT_FALSE(advice()[0].huge);
    EXPECT_EQ(advice()[0].bytes, 2 * MiB);
    EXPECT_EQ(advice()[0].address, reinterpret_cast<uintptr_t>(space->at(hak_round_down(span.first, PAGE))));
    EXPECT_TRUE(space->reads_as_zero(span.first, SLAB));
}

TEST_F(ArenaHuge, WhatAPageBroughtStaysCountedWhenItComesBackUnwritten)
{
    fill_up_to(50);
    Span span = first_of_a_page();
    size_t dirty_units = space->arena.dirty_units;
    space->release(span, 1);
    EXPECT_EQ(space->arena.dirty_units, dirty_units + SLAB);
    EXPECT_FALSE(space->acquire(SLAB, SLAB).clean) << "its first unit was written";
}

TEST_F(ArenaHuge, GivingBackEarnsNoCredit)
{
    hak_i_base_options.dirty_min = 4 * MiB;
    hak_i_base_options.dirty_percent = 0;
    fill_up_to(60);
    for (const Span &span : slabs) {
        space->release(span, SLAB);
    }
    size_t credit = space->arena.credit_units;
    Span span = space->acquire(SLAB, SLAB);
    while (span && !is_huge(span.first)) {
        span = space->acquire(SLAB, SLAB);
    }
    hak_i_arena_purge(&space->arena);
    EXPECT_EQ(space->arena.credit_units, 0u) << "was " << credit;
}

TEST_F(ArenaHuge, ABlockThatGoesBackSplitsThePagesAtItsEndsAlone)
{
    begin(HAK_THP_ALWAYS);
    space->release(space->acquire(mib(16)), 0);
    size_t huge_pages = space->arena.huge_pages;
    void *block = space->large(9 * MiB + 512 * KiB);
    ASSERT_TRUE(space->acquire(1));
    ASSERT_TRUE(space->free_large(block));
    hak_i_arena_purge(&space->arena);
    EXPECT_EQ(space->arena.huge_pages, huge_pages - 1);
}

TEST_F(ArenaHuge, WhatAMoveRemadeIsToldAgain)
{
    void *block = space->large(4 * MiB);
    ASSERT_TRUE(space->acquire(1));
    fake_os::forget_calls();
    fake_os::refuse_moves(1, HAK_OS_REMADE);
    void *moved = hak_i_arena_large_move(&space->arena, space->record(block), 8 * MiB);
    ASSERT_NE(moved, nullptr);
    ASSERT_EQ(advice().size(), 1u);
    EXPECT_EQ(advice()[0].address, reinterpret_cast<uintptr_t>(moved));
    EXPECT_EQ(advice()[0].bytes, 4 * MiB);
    EXPECT_FALSE(advice()[0].huge);
}

TEST_F(ArenaHuge, PagesThatAMoveRemadeAreNoneAnyMore)
{
    begin(HAK_THP_ALWAYS);
    void *block = space->large(4 * MiB);
    Span wall = space->acquire(1), freed = space->acquire(mib(60));
    space->release(freed, 0);
    fake_os::refuse_moves(1, HAK_OS_REMADE);
    size_t first = space->unit_of(hak_i_arena_large_move(&space->arena, space->record(block), 8 * MiB));
    ASSERT_GE(first, freed.first);
    ASSERT_LE(first + mib(8), freed.first + freed.units);
    for (size_t unit = first; unit < first + mib(4); unit++) {
        EXPECT_FALSE(is_huge(unit)) << unit - first;
    }
    EXPECT_TRUE(is_huge(first + mib(6)));
    (void)wall;
}

TEST_F(ArenaHuge, PagesThatWereMovedAreNone)
{
    void *block = space->large(4 * MiB);
    Span wall = space->acquire(1), freed = space->acquire(mib(60));
    hak_span pages = {hak_round_up(freed.first, PAGE), mib(56)};
    ASSERT_TRUE(hak_i_arena_change_pages_locked(&space->arena, pages, true));
    space->release(freed, 0);
    fake_os::forget_calls();
    char *moved = move(block, 8 * MiB);
    size_t first = space->unit_of(moved);
    ASSERT_GE(first, freed.first);
    ASSERT_LE(first + mib(8), pages.first + pages.units);
    EXPECT_EQ(fake_os::calls(HAK_OS_REMAP).size(), 1u);
    for (size_t unit = first; unit < first + mib(4); unit++) {
        EXPECT_FALSE(is_huge(unit)) << unit - first;
    }
    EXPECT_TRUE(is_huge(first + mib(6)));
    ASSERT_EQ(advice().size(), 1u);
    EXPECT_FALSE(advice()[0].huge);
    EXPECT_EQ(advice()[0].address % (2 * MiB), 0u);
    EXPECT_EQ(advice()[0].bytes % (2 * MiB), 0u);
    EXPECT_LE(advice()[0].address, reinterpret_cast<uintptr_t>(moved));
    EXPECT_GE(advice()[0].address + advice()[0].bytes, reinterpret_cast<uintptr_t>(moved) + 4 * MiB);
    (void)wall;
}

TEST_F(ArenaHuge, WhatAskedForAPartOfAPageDoesNotWhenItIsMoved)
{
    void *block = space->large(3 * MiB);
    hak_i_arena_note_huge_locked(&space->arena, {space->unit_of(block), 10});
    ASSERT_EQ(space->arena.huge_pages, 0u);
    fake_os::forget_calls();
    ASSERT_NE(move(block, 8 * MiB), nullptr);
    ASSERT_EQ(advice().size(), 1u);
    EXPECT_FALSE(advice()[0].huge);
    EXPECT_EQ(fake_os::calls(HAK_OS_REMAP).size(), 1u);
}

TEST_F(ArenaHuge, WhereNothingIsReservedOthersAreNotAdvised)
{
    fake_os::reset();
    fake_os::set_address_limit_bytes(256 * MiB);
    ASSERT_TRUE(start());
    Span below = space->acquire(5);
    void *block = space->large(3 * MiB);
    ASSERT_NE(space->unit_of(block) % PAGE, 0u);
    hak_i_arena_note_huge_locked(&space->arena, {space->unit_of(block), 10});
    fake_os::forget_calls();
    ASSERT_NE(move(block, 4 * MiB), nullptr);
    std::vector<fake_os::Call> asked = advice();
    auto of_block = std::find_if(asked.begin(), asked.end(), [&](const fake_os::Call &call) {
        return call.address == reinterpret_cast<uintptr_t>(block) && call.bytes == 3 * MiB;
    });
    EXPECT_NE(of_block, asked.end());
    (void)below;
}

TEST_F(ArenaHuge, CopiesWhereAdviceIsRefused)
{
    void *block = space->large(3 * MiB);
    hak_i_arena_note_huge_locked(&space->arena, {space->unit_of(block), 10});
    memset(block, 1, 3 * MiB);
    fake_os::fail_from(1, HAK_OS_ADVISE);
    char *copy = move(block, 8 * MiB);
    ASSERT_NE(copy, nullptr);
    EXPECT_EQ(std::count(copy, copy + 3 * MiB, 1), static_cast<long>(3 * MiB));
    EXPECT_TRUE(fake_os::calls(HAK_OS_REMAP).empty());
}

TEST_F(ArenaHuge, AlwaysMovesWhatWasAskedForAsAWhole)
{
    begin(HAK_THP_ALWAYS);
    ASSERT_NE(move(space->large(8 * MiB, 2 * MiB), 10 * MiB), nullptr);
    EXPECT_EQ(fake_os::calls(HAK_OS_REMAP).size(), 1u);
    void *block = space->large(8 * MiB, 2 * MiB);
    ASSERT_TRUE(hak_i_arena_change_pages_locked(&space->arena, {space->unit_of(block) + mib(2), PAGE}, false));
    ASSERT_NE(move(block, 10 * MiB), nullptr);
    EXPECT_EQ(fake_os::calls(HAK_OS_REMAP).size(), 1u) << "the other is several mappings";
}
