// SPDX-License-Identifier: MIT
// Random use by one thread, on every kind of system; the bound holds after each call that gives memory back.
#include "arena/random_use.h"

using namespace hak_test;

namespace {

constexpr int STEPS = 4000;

struct Kind {
    const char *name;
    size_t page_bytes;
    size_t limit_bytes;
    size_t dirty_min;
    unsigned fail_percent;
};

class ArenaRandom : public System, public testing::WithParamInterface<Kind> {
protected:
    void SetUp() override
    {
        const Kind &kind = GetParam();
        fake_os::set_page_bytes(kind.page_bytes);
        fake_os::set_address_limit_bytes(kind.limit_bytes);
        hak_i_base_options.dirty_min = static_cast<int64_t>(kind.dirty_min);
        ASSERT_TRUE(space.init());
    }

    void expect_sound()
    {
        ASSERT_EQ(hak_i_arena_audit(&space.arena), 0);
        if (!space.arena.purge_refused) {
            ASSERT_LE(space.written_units(), space.bound_units());
        }
    }

    Space space;
};

const Kind kinds[] = {
    {"Ordinary", 4 * KiB, SIZE_MAX, 4 * MiB, 0},    {"KeepsNothing", 4 * KiB, SIZE_MAX, 0, 0},
    {"Failing", 4 * KiB, SIZE_MAX, 4 * MiB, 20},    {"Pages16K", 16 * KiB, SIZE_MAX, 4 * MiB, 5},
    {"Pages64K", 64 * KiB, SIZE_MAX, 4 * MiB, 5},   {"Limit16M", 4 * KiB, 16 * MiB, 2 * MiB, 0},
    {"Limit100M", 4 * KiB, 100 * MiB, 4 * MiB, 10}, {"Limit100MPages64K", 64 * KiB, 100 * MiB, 4 * MiB, 10},
};

} // namespace

INSTANTIATE_TEST_SUITE_P(Systems, ArenaRandom, testing::ValuesIn(kinds),
                         [](const testing::TestParamInfo<Kind> &kind) { return std::string(kind.param.name); });

TEST_P(ArenaRandom, StaysSound)
{
    uint64_t seed = seed_for("ArenaRandom");
    RandomUse use(&space, seed, mib(2));
    if (GetParam().fail_percent != 0) {
        fake_os::fail_percent(GetParam().fail_percent, seed);
    }
    for (int i = 0; i < STEPS && !HasFailure(); i++) {
        use.step();
        if (i % 16 == 0) {
            ASSERT_NO_FATAL_FAILURE(expect_sound()) << "step " << i;
        }
        ASSERT_TRUE(space.arena.purge_refused || space.written_units() <= space.bound_units()) << "step " << i;
    }
    fake_os::fail_never();
    use.release_everything();
    hak_i_arena_purge(&space.arena);
    expect_sound();
    EXPECT_EQ(space.live_units(), 0u);
    EXPECT_EQ(space.written_units(), 0u);
    EXPECT_TRUE(space.acquire(mib(1)));
}
