// SPDX-License-Identifier: MIT
// Stacks: the order blocks come in, how capacity follows use, and what bounds it.
#include <algorithm>
#include <random>

#include "base/option.h"
#include "heap/machine.h"

using namespace hak_test;

namespace {

class HeapStack : public HeapTest {
protected:
    /** Makes the class swing: `count` blocks are taken and freed, again and again. */
    void swing(unsigned class_index, size_t count, int times)
    {
        for (int i = 0; i < times; i++) {
            std::vector<void *> blocks = alloc_many(class_index, count);
            note_granted();
            free_all(blocks);
            note_granted();
        }
    }

    /** Swings a little wider than the stack is, until that stops growing. */
    void grow_to_the_limit(unsigned class_index)
    {
        for (int i = 0; i < 300; i++) {
            unsigned capacity = stack(class_index).capacity;
            swing(class_index, capacity + std::min(capacity / 2, 64u) + 2, 1);
        }
    }

    /** One block over the bound per class is allowed: what has no stack could not be freed cheaply. */
    void note_granted()
    {
        most_slab_bytes_ = std::max(most_slab_bytes_, heap_->slab_bytes);
        size_t one_of_each = 0;
        for (unsigned i = HAK_TINY_CLASS_COUNT; i < HAK_CLASS_COUNT; i++) {
            one_of_each += stack(i).capacity == 1 ? hak_i_slab_classes[i].block_bytes : 0;
        }
        ASSERT_LE(heap_->granted_bytes, grant_limit(most_slab_bytes_, heaps_) + one_of_each);
    }

    size_t most_slab_bytes_ = 0;
    size_t heaps_ = 1;
};

TEST_F(HeapStack, StartsWith16SlotsForTinyAndNoneForPool)
{
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        EXPECT_EQ(stack(i).capacity, i < HAK_TINY_CLASS_COUNT ? 16u : 0u);
        EXPECT_EQ(count(i), 0u);
    }
}

TEST_F(HeapStack, BlocksComeInAddressOrderWhenASlabIsFresh)
{
    for (unsigned class_index : {CLASS_16, CLASS_64, CLASS_1K, CLASS_8K}) {
        unsigned per_slab = hak_i_slab_classes[class_index].block_count;
        std::vector<void *> blocks = alloc_many(class_index, per_slab);
        for (unsigned i = 0; i < per_slab; i++) {
            ASSERT_EQ(blocks[i], hak_i_slab_block(machine_.slab_of(blocks[0]), i));
        }
    }
}

TEST_F(HeapStack, TheBlockFreedLastComesFirst)
{
    std::vector<void *> blocks = alloc_many(CLASS_64, 12);
    free_all(blocks);
    for (size_t i = blocks.size(); i-- > 0;) {
        ASSERT_EQ(alloc(CLASS_64), blocks[i]);
    }
}

TEST_F(HeapStack, ARefillLeavesRoomForWhatComesBack)
{
    void *block = alloc(CLASS_64);
    EXPECT_LE(2 * count(CLASS_64), stack(CLASS_64).capacity + 1);
    EXPECT_NE(count(CLASS_64), 0u);
    free(block);
    EXPECT_EQ(heap_->counts.flushes, 0u);
}

TEST_F(HeapStack, LittleMoreIsCarvedThanWasAskedForUntilASlabIsFull)
{
    for (unsigned class_index : {CLASS_64, CLASS_1K}) {
        unsigned blocks = hak_i_slab_classes[class_index].block_count;
        hak_slab *slab = machine_.slab_of(alloc(class_index));
        for (unsigned asked = 1; slab->carved < blocks; asked++) {
            ASSERT_LE(slab->carved, asked + std::max(asked / 4, 4u) + 1);
            alloc(class_index);
        }
        alloc_many(class_index, count(class_index) + 1);
        EXPECT_GT(count(class_index), 16u) << "then whole batches";
    }
}

TEST_F(HeapStack, WhatIsAskedForAtOnceIsCarvedAtOnce)
{
    void *blocks[HAK_BATCH_MAX];
    EXPECT_EQ(hak_i_heap_alloc_many(heap_, CLASS_64, blocks, HAK_BATCH_MAX), size_t{HAK_BATCH_MAX});
}

TEST_F(HeapStack, AFlushTakesTheOldestAndLeavesTheNewestInOrder)
{
    std::vector<void *> blocks = alloc_many(CLASS_1K, 300);
    free_all(blocks);
    ASSERT_NE(heap_->counts.flushes, 0u);
    std::vector<void *> oldest_first(stack(CLASS_1K).first, stack(CLASS_1K).first + count(CLASS_1K));
    EXPECT_TRUE(std::equal(oldest_first.rbegin(), oldest_first.rend(), blocks.rbegin()));
}

TEST_F(HeapStack, ASlowCallMovesAtMost64Blocks)
{
    grow_to_the_limit(CLASS_64);
    ASSERT_EQ(stack(CLASS_64).capacity, 2048u);
    std::vector<void *> blocks = alloc_many(CLASS_64, 6000);
    for (void *block : blocks) {
        unsigned before = count(CLASS_64);
        free(block);
        ASSERT_LE(before + 1 - std::min(before + 1, count(CLASS_64)), unsigned{HAK_BATCH_MAX});
    }
    for (int i = 0; i < 6000; i++) {
        unsigned before = count(CLASS_64);
        alloc(CLASS_64);
        ASSERT_LE(count(CLASS_64), std::max(before, unsigned{HAK_BATCH_MAX}));
    }
}

TEST_F(HeapStack, TheWindowWandersAndComesBackWithoutLosingABlock)
{
    std::set<void **> firsts;
    size_t live = machine_.live_blocks();
    for (size_t i = 0; i < 300; i++) {
        std::vector<void *> blocks = alloc_many(CLASS_64, stack(CLASS_64).capacity + i % 100);
        free_all(blocks);
        firsts.insert(stack(CLASS_64).first);
        ASSERT_EQ(alloc(CLASS_64), blocks.back());
        free(blocks.back());
        ASSERT_EQ(hak_i_heap_audit(heap_), 0);
    }
    EXPECT_GT(firsts.size(), 2u);
    EXPECT_EQ(machine_.live_blocks(), live);
}

/* ----------------------------------------------------------------------------------------------------- capacity --- */

TEST_F(HeapStack, GrowsFrom16To2048WhenTheClassSwings)
{
    grow_to_the_limit(CLASS_64);
    EXPECT_EQ(stack(CLASS_64).capacity, 2048u);
    EXPECT_EQ(stack(CLASS_64).slots, 2 * 2048u - HAK_STACK_SENTINELS);
}

TEST_F(HeapStack, NeedsNoMoreThanTwoBatchesWhenItOnlyDrains)
{
    alloc_many(CLASS_64, 20000);
    EXPECT_EQ(stack(CLASS_64).capacity, 2u * HAK_BATCH_MAX);
}

TEST_F(HeapStack, IsAsSmallAsAtFirstWhenTheClassOnlyFrees)
{
    grow_to_the_limit(CLASS_64);
    std::vector<void *> blocks = alloc_many(CLASS_64, 20000);
    std::shuffle(blocks.begin(), blocks.end(), std::mt19937_64(1));
    free_all(blocks);
    EXPECT_EQ(stack(CLASS_64).capacity, 16u);
    EXPECT_LE(count(CLASS_64), 16u);
}

TEST_F(HeapStack, HasRoomForABatchWhenTheClassOnlyFreesNeighbours)
{
    grow_to_the_limit(CLASS_64);
    free_all(alloc_many(CLASS_64, 20000));
    EXPECT_EQ(stack(CLASS_64).capacity, HAK_BATCH_MAX);
}

TEST_F(HeapStack, HoldsASetThatIsBuiltAndTornDownOverAndOver)
{
    swing(CLASS_64, 1600, 10);
    uint64_t slow_calls = heap_->counts.refills + heap_->counts.flushes;
    swing(CLASS_64, 1600, 3);
    EXPECT_EQ(heap_->counts.refills + heap_->counts.flushes, slow_calls);
}

TEST_F(HeapStack, StaysWithinItsRowsLimit)
{
    std::vector<void *> ballast = alloc_many(CLASS_256K, 300); // so that the byte bound is at its most
    for (unsigned class_index : {CLASS_1K, CLASS_4K, CLASS_8K, CLASS_64K}) {
        grow_to_the_limit(class_index);
        unsigned most_slots = hak_i_slab_classes[class_index].most_slots;
        EXPECT_LE(stack(class_index).capacity, most_slots);
        EXPECT_GT(2 * stack(class_index).capacity, most_slots) << "grew as far as it may";
    }
    free_all(ballast);
}

TEST_F(HeapStack, AllStacksTogetherStayWithinTheByteBound)
{
    for (; heaps_ < 32; heaps_++) {
        ASSERT_NE(machine_.claim(), nullptr);
    }
    std::mt19937_64 random = random_numbers("HeapStack.AllStacksTogetherStayWithinTheByteBound");
    for (int i = 0; i < 600; i++) {
        unsigned class_index = static_cast<unsigned>(random() % HAK_CLASS_COUNT);
        size_t most = 2 * HAK_MIB / hak_i_slab_classes[class_index].block_bytes;
        swing(class_index, 1 + random() % std::min<size_t>(most, 2000), 1);
    }
}

TEST_F(HeapStack, FewHeapsMayHoldMore)
{
    for (size_t heaps : {1u, 2u, 4u, 8u, 16u, 32u}) {
        for (; heaps_ < heaps; heaps_++) {
            ASSERT_NE(machine_.claim(), nullptr);
        }
        hak_heap *newest = machine_.claim();
        heaps_++;
        for (unsigned class_index = CLASS_4K; class_index < CLASS_64K; class_index++) {
            for (int i = 0; i < 40; i++) {
                std::vector<void *> blocks;
                for (unsigned n = 0; n < 4u << i / 8; n++) {
                    blocks.push_back(machine_.alloc(newest, class_index));
                }
                for (void *block : blocks) {
                    machine_.free(newest, block);
                }
            }
        }
        size_t limit = grant_limit(newest->slab_bytes, heaps_);
        EXPECT_LE(newest->granted_bytes, limit + HAK_MIB) << heaps;
        if (heaps_ <= 9) {
            EXPECT_GT(newest->granted_bytes, 3 * HAK_MIB) << "more than where there are many: " << heaps_;
        }
    }
}

TEST_F(HeapStack, ShrinksWhenTheClassStandsStill)
{
    grow_to_the_limit(CLASS_64);
    ASSERT_EQ(stack(CLASS_64).capacity, 2048u);
    for (int i = 0; i < 60000 && stack(CLASS_64).capacity > 16; i++) {
        free_all(alloc_many(CLASS_256K, 12));
    }
    EXPECT_EQ(stack(CLASS_64).capacity, 16u);
    EXPECT_LE(count(CLASS_64), 16u);
    EXPECT_LT(stack(CLASS_64).slots, 8 * 16u) << "a smaller array does";
}

TEST_F(HeapStack, APoolClassThatStandsStillKeepsNothing)
{
    free_all(alloc_many(CLASS_64K, 20));
    ASSERT_NE(count(CLASS_64K), 0u);
    for (int i = 0; i < 60000 && stack(CLASS_64K).capacity > 0; i++) {
        free_all(alloc_many(CLASS_256K, 12));
    }
    EXPECT_EQ(stack(CLASS_64K).capacity, 0u);
    EXPECT_EQ(count(CLASS_64K), 0u);
}

/* ------------------------------------------------------------------------------------------ prewarm, check=full ----
 */

class HeapPrewarm : public HeapTest {
protected:
    HeapPrewarm() { hak_i_base_options.pool_prewarm = HAK_PREWARM_FIXED; }
    ~HeapPrewarm() override { hak_i_base_options.pool_prewarm = HAK_PREWARM_OFF; }
};

TEST_F(HeapPrewarm, TheFirstBlockOfAClassSetsMoreAside)
{
    for (unsigned i = HAK_TINY_CLASS_COUNT; i < HAK_CLASS_COUNT; i++) {
        const hak_class &row = hak_i_slab_classes[i];
        hak_heap *heap = machine_.claim();
        ASSERT_NE(machine_.alloc(heap, i), nullptr);
        if (row.prewarm_slots != 0) {
            EXPECT_EQ(heap->stacks[i].capacity, row.prewarm_slots) << row.block_bytes;
            EXPECT_GE(stack_count(heap, i) + 1, row.prewarm_slots) << row.block_bytes;
        }
    }
}

TEST_F(HeapPrewarm, AThreadGetsAtMostTwoMiB)
{
    size_t bytes = 0;
    for (unsigned i = HAK_TINY_CLASS_COUNT; i < HAK_CLASS_COUNT; i++) {
        if (hak_i_slab_classes[i].prewarm_slots != 0) {
            alloc(i);
        }
    }
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        bytes += count(i) * size_t{hak_i_slab_classes[i].block_bytes};
    }
    EXPECT_LE(bytes, 2 * HAK_MIB);
}

TEST(HeapCheckFull, HoldsNoStacksAndNoUnitsSoThatEveryCallIsLookedAt)
{
    FreshOs os;
    Machine machine(true);
    hak_heap *heap = machine.claim();
    std::vector<void *> blocks;
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        for (int n = 0; n < 3; n++) {
            blocks.push_back(machine.alloc(heap, i));
            ASSERT_NE(blocks.back(), nullptr);
            ASSERT_FALSE(hak_i_heap_knows_free(&machine.heaps, blocks.back()));
            ASSERT_EQ(stack_count(heap, i), 0u);
            ASSERT_GE(hak_i_heap_own_class(&heap->hot, blocks.back()), size_t{HAK_CLASSES_SCALED});
        }
    }
    EXPECT_EQ(machine.live_blocks(), blocks.size());
    for (void *block : blocks) {
        machine.free(heap, block);
    }
    EXPECT_EQ(machine.live_blocks(), 0u);
    EXPECT_TRUE(machine.is_sound());
}

} // namespace
