// SPDX-License-Identifier: MIT
// Each call of the system fails once: the answer is "no memory", and the arena is sound and usable after.
#include "arena/fixture.h"

using namespace hak_test;

namespace {

/** Writes to every unit. */
void touch(Space *space, const Span &span)
{
    for (size_t unit = span.first; unit < span.first + span.units; unit++) {
        *space->at(unit) = 1;
    }
}

class ArenaExhaustion : public System {
protected:
    /** The scenario, with each call failing in turn, on a system set up by `prepare`. */
    template <class Prepare, class Scenario>
    size_t each_call_fails(Prepare prepare, Scenario scenario)
    {
        return fake_os::fail_each_call([&] {
            prepare();
            Space space;
            if (!space.init()) {
                EXPECT_EQ(fake_os::failures(), 1u);
                ASSERT_TRUE(space.init());
            }
            scenario(&space);
            EXPECT_EQ(hak_i_arena_audit(&space.arena), 0);
            expect_usable(&space);
        });
    }

    static void expect_usable(Space *space)
    {
        Span span = space->acquire(mib(2));
        ASSERT_TRUE(span);
        touch(space, span);
        space->release(span, span.units);
        EXPECT_EQ(hak_i_arena_audit(&space->arena), 0);
    }
};

void use_spans(Space *space)
{
    std::vector<Span> spans;
    for (size_t units : {size_t{1}, size_t{40}, mib(1), mib(2), size_t{5}, mib(9)}) {
        Span span = units == 5 ? space->acquire_roomy(units) : space->acquire(units, units >= 64 ? 64 : 1);
        if (span) {
            space->extend(&span, 10);
            touch(space, span);
            spans.push_back(span);
        }
    }
    EXPECT_GE(spans.size(), 5u);
    for (const Span &span : spans) {
        space->release(span, span.units);
    }
    hak_i_arena_purge(&space->arena);
}

void use_large_blocks(Space *space)
{
    std::vector<char *> blocks;
    for (size_t bytes : {50 * KiB, 300 * KiB, 600 * KiB, 70 * KiB}) {
        char *block = static_cast<char *>(space->large(bytes));
        if (block == nullptr) {
            continue;
        }
        memset(block, 7, bytes);
        void *moved = hak_i_arena_large_move(&space->arena, space->record(block), 2 * bytes);
        block = moved != nullptr ? static_cast<char *>(moved) : block;
        hak_i_arena_large_resize(&space->arena, space->record(block), 2 * bytes + MiB);
        EXPECT_EQ(std::count(block, block + bytes, 7), static_cast<long>(bytes));
        blocks.push_back(block);
    }
    EXPECT_GE(blocks.size(), 3u);
    for (char *block : blocks) {
        EXPECT_TRUE(space->free_large(block));
    }
    EXPECT_EQ(space->arena.large_blocks, 0u);
    hak_i_arena_purge(&space->arena);
}

void as_it_is() {}

void limited()
{
    fake_os::set_address_limit_bytes(256 * MiB);
}

void keep_nothing()
{
    hak_i_base_options.dirty_min = 0;
    hak_i_base_options.dirty_percent = 0;
}

} // namespace

TEST_F(ArenaExhaustion, SpansSurviveEachFailure)
{
    EXPECT_GE(each_call_fails(as_it_is, use_spans), 12u);
    EXPECT_GE(each_call_fails(limited, use_spans), 12u);
    EXPECT_GE(each_call_fails(keep_nothing, use_spans), 15u);
}

TEST_F(ArenaExhaustion, LargeBlocksSurviveEachFailure)
{
    EXPECT_GE(each_call_fails(as_it_is, use_large_blocks), 12u);
    EXPECT_GE(each_call_fails(limited, use_large_blocks), 12u);
    EXPECT_GE(each_call_fails(keep_nothing, use_large_blocks), 15u);
}

TEST_F(ArenaExhaustion, ALongDroughtLeavesNothingBehind)
{
    Space space;
    ASSERT_TRUE(space.init());
    ASSERT_TRUE(space.acquire(1));
    size_t free_units = space.arena.free_units;
    fake_os::fail_from(1);
    for (size_t units : {mib(1), mib(2), mib(20)}) {
        EXPECT_FALSE(space.acquire(units));
        EXPECT_FALSE(space.acquire_roomy(units));
        EXPECT_EQ(space.large(units * UNIT), nullptr);
    }
    EXPECT_TRUE(space.acquire(free_units)); // what is there stays usable
    EXPECT_FALSE(space.acquire(1));
    EXPECT_EQ(hak_i_arena_audit(&space.arena), 0);
    fake_os::fail_never();
    EXPECT_TRUE(space.acquire(space.registry.units - mib(1)));
}

TEST_F(ArenaExhaustion, ABlockWithoutARecordGivesItsSpanBack)
{
    Space space;
    ASSERT_TRUE(space.init());
    ASSERT_TRUE(space.acquire(1));
    space.meta.next = space.meta.committed_end; // the next record needs the system
    fake_os::fail_from(1);
    size_t free_units = space.arena.free_units;
    EXPECT_EQ(space.large(64 * KiB), nullptr);
    EXPECT_EQ(space.arena.free_units, free_units);
    EXPECT_EQ(space.arena.large_blocks, 0u);
    EXPECT_EQ(hak_i_arena_audit(&space.arena), 0);
    fake_os::fail_never();
    EXPECT_NE(space.large(64 * KiB), nullptr);
}

TEST_F(ArenaExhaustion, AnExtensionThatFailsWritesNothing)
{
    Space space;
    ASSERT_TRUE(space.init());
    Span span = space.acquire(4);
    Span behind = space.acquire(mib(1) - 4); // all that is committed
    space.release(behind, 2);
    fake_os::fail_from(1);
    EXPECT_FALSE(space.extend(&span, mib(1)));
    EXPECT_EQ(fake_os::failures(), 2u);
    EXPECT_EQ(space.arena.dirty_units, 2u);
    EXPECT_EQ(space.arena.free_units, mib(1) - 4);
    EXPECT_EQ(hak_i_arena_audit(&space.arena), 0);
}
