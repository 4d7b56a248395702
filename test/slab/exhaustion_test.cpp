// SPDX-License-Identifier: MIT
// The system refuses its n-th call, for every n: a slab less, and nothing else.
#include "slab/ground.h"

#include <gtest/gtest.h>

#include <memory>

using namespace hak_test;

namespace {

constexpr uint32_t ID_BASE = 1 << 12;

void give_back(Ground &ground, hak_slab *slab, const std::vector<void *> &blocks)
{
    for (void *block : blocks) {
        ASSERT_TRUE(give(slab, block));
    }
    hak_i_slab_unbind(&ground.slabs, slab);
    hak_i_slab_release(&ground.slabs, slab);
}

/** Two slabs of every class, all blocks taken, all given back. */
void run_scenario()
{
    std::unique_ptr<Ground> ground;
    try {
        ground = std::make_unique<Ground>();
    } catch (const std::runtime_error &) {
        ASSERT_NE(fake_os::failures(), 0u);
        return;
    }
    hak_inbox inbox = {};
    std::vector<std::pair<hak_slab *, std::vector<void *>>> slabs;
    size_t refused = 0;
    size_t held_units = 0;
    for (unsigned i = 0; i < 2 * HAK_CLASS_COUNT; i++) {
        hak_slab *slab = ground->bound(i / 2, &inbox, ID_BASE);
        refused += slab == nullptr;
        if (slab != nullptr) {
            slabs.emplace_back(slab, take(slab, HAK_SLAB_BLOCKS_MAX));
            ASSERT_EQ(slabs.back().second.size(), hak_i_slab_class(slab)->block_count);
            held_units += slab->span_bytes >> HAK_UNIT_SHIFT;
        }
        ASSERT_EQ(ground->held_units(), held_units);
    }
    ASSERT_LE(refused, fake_os::failures()) << "one refusal costs one slab";
    for (auto &[slab, blocks] : slabs) {
        ASSERT_EQ(hak_i_slab_audit(&ground->slabs, slab), 0);
        give_back(*ground, slab, blocks);
    }
    ASSERT_EQ(ground->held_units(), 0u);
    ASSERT_EQ(hak_i_arena_audit(&ground->arena), 0);
    ASSERT_NE(ground->acquire(HAK_CLASS_COUNT - 1), nullptr) << "usable again";
}

TEST(SlabExhaustion, EveryRefusedCallCostsOneSlabAtMost)
{
    size_t runs = fake_os::fail_each_call([] {
        ASSERT_FALSE(testing::Test::HasFatalFailure());
        run_scenario();
    });
    EXPECT_GT(runs, 8u);
}

TEST(SlabExhaustion, ARefusedAcquireLeavesItsRecordForTheNext)
{
    FreshOs os;
    Ground ground;
    ASSERT_NE(ground.acquire(HAK_CLASS_COUNT - 1), nullptr);
    fake_os::fail_from(1, HAK_OS_COMMIT);
    std::vector<hak_slab *> slabs;
    while (hak_slab *slab = ground.acquire(HAK_CLASS_COUNT - 1)) {
        slabs.push_back(slab);
    }
    hak_slab *spare = ground.slabs.unused;
    ASSERT_NE(spare, nullptr);
    for (int i = 0; i < 5; i++) {
        EXPECT_EQ(ground.acquire(HAK_CLASS_COUNT - 1), nullptr);
        EXPECT_EQ(ground.slabs.unused, spare);
    }
    fake_os::fail_never();
    EXPECT_EQ(ground.acquire(HAK_CLASS_COUNT - 1), spare);
}

} // namespace
