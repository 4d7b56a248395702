// SPDX-License-Identifier: MIT
#include "arena/random_use.h"

#include <atomic>
#include <thread>

using namespace hak_test;

namespace {

constexpr size_t THREADS = 4;

class ArenaThreads : public System {
protected:
    template <class Work>
    static void run(Work work)
    {
        std::vector<std::thread> threads;
        for (size_t number = 0; number < THREADS; number++) {
            threads.emplace_back([work, number] { work(number); });
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
    }

    void use_at_random(const char *test, int steps)
    {
        uint64_t seed = seed_for(test);
        run([&](size_t number) {
            RandomUse use(&space, seed + 1000 * number, mib(1));
            for (int i = 0; i < steps && !HasFailure(); i++) {
                use.step();
            }
            use.release_everything();
        });
        fake_os::fail_never();
        hak_i_arena_purge(&space.arena);
        EXPECT_EQ(hak_i_arena_audit(&space.arena), 0);
        EXPECT_EQ(space.live_units(), 0u);
        EXPECT_EQ(space.written_units(), 0u);
        EXPECT_EQ(space.arena.large_blocks, 0u);
        EXPECT_EQ(space.arena.large_units, 0u);
    }

    Space space;
};

} // namespace

TEST_F(ArenaThreads, ShareAnArena)
{
    ASSERT_TRUE(space.init());
    hak_i_base_options.dirty_min = 2 * MiB;
    use_at_random("ArenaThreads.ShareAnArena", 800);
}

TEST_F(ArenaThreads, ShareAnArenaThatFails)
{
    ASSERT_TRUE(space.init());
    hak_i_base_options.dirty_min = 2 * MiB;
    fake_os::fail_percent(20, 1);
    use_at_random("ArenaThreads.ShareAnArenaThatFails", 800);
}

TEST_F(ArenaThreads, ShareAnArenaUnderAnAddressLimit)
{
    fake_os::set_address_limit_bytes(100 * MiB);
    ASSERT_TRUE(space.init());
    use_at_random("ArenaThreads.ShareAnArenaUnderAnAddressLimit", 800);
}

TEST_F(ArenaThreads, OneOfThemFreesABlockTwoOfThemFree)
{
    ASSERT_TRUE(space.init());
    for (int round = 0; round < 100; round++) {
        void *block = space.large(64 * KiB);
        std::atomic<size_t> freed{0};
        run([&](size_t) { freed += space.free_large(block); });
        ASSERT_EQ(freed, 1u);
    }
    EXPECT_EQ(hak_i_arena_audit(&space.arena), 0);
}

TEST_F(ArenaThreads, RetainNeverMoreThanAllowed)
{
    ASSERT_TRUE(space.init());
    std::atomic<size_t> held{0};
    run([&](size_t) {
        for (int i = 0; i < 5000; i++) {
            if (hak_i_arena_retain(&space.arena, 64 * KiB)) {
                EXPECT_LE(held += 64 * KiB, 8 * MiB);
                if (i % 3 != 0) {
                    held -= 64 * KiB;
                    hak_i_arena_unretain(&space.arena, 64 * KiB);
                }
            }
        }
    });
    EXPECT_EQ(space.arena.retained_bytes, held);
}
