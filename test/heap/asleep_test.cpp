// SPDX-License-Identifier: MIT
// Slabs that came back whole to a heap whose thread is asleep go to those who freed into them.
#include "heap/machine.h"

using namespace hak_test;

namespace {

constexpr size_t COUNT = 64; // of a slab of CLASS_1K
constexpr size_t SLABS = 10;

class HeapAsleep : public HeapTest {
protected:
    /** The blocks of SLABS whole slabs, of which the sleeper's stack holds none. */
    std::vector<void *> blocks_of_sleeper()
    {
        std::vector<void *> blocks = machine_.alloc_many(sleeper_, CLASS_1K, (SLABS + 1) * COUNT);
        hak_slab *last = machine_.slab_of(blocks.back());
        hak_i_stack_flush(sleeper_, CLASS_1K);
        std::vector<void *> of_whole;
        for (void *block : blocks) {
            (machine_.slab_of(block) == last ? rest_ : of_whole).push_back(block);
        }
        return of_whole;
    }

    /** From now on the sleeper has taken no slow path since someone asked. */
    void fall_asleep() { sleeper_->calls_seen = sleeper_->counts.refills + sleeper_->counts.flushes; }

    void free_and_publish(const std::vector<void *> &blocks)
    {
        free_all(blocks);
        hak_i_combine_publish_all(heap_);
    }

    size_t slabs_of(const hak_heap *heap) const
    {
        size_t slabs = 0;
        machine_.for_each_bound_slab([&](hak_slab *slab) { slabs += slab->owner == &heap->inbox; });
        return slabs;
    }

    hak_heap *sleeper_ = machine_.claim();
    std::vector<void *> rest_;
};

TEST_F(HeapAsleep, WhoFreedAndIsShortHasWhatCameBack)
{
    free_and_publish(blocks_of_sleeper());
    fall_asleep();
    size_t held = machine_.held_units();
    alloc_many(CLASS_1K, 5 * COUNT);
    EXPECT_LE(machine_.held_units(), held) << "the arena was asked";
    EXPECT_EQ(heap_->counts.handovers, SLABS);
    EXPECT_EQ(slabs_of(sleeper_), 1u) << "that of the blocks which are still used";
    EXPECT_EQ(sleeper_->inbox.head, 0u);
    EXPECT_EQ(sleeper_->slab_bytes - sleeper_->lost_bytes, 64 * HAK_KIB);
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapAsleep, WhoFreedAndEndsGivesItBack)
{
    hak_heap *ending = machine_.claim();
    machine_.free_all(ending, blocks_of_sleeper());
    fall_asleep();
    hak_i_heap_release(ending);
    EXPECT_EQ(ending->counts.handovers, SLABS);
    hak_i_heaps_purge_idle(&machine_.heaps);
    EXPECT_EQ(machine_.held_units(), 64 * HAK_KIB / HAK_UNIT_BYTES);
}

TEST_F(HeapAsleep, AThreadThatIsAwakeKeepsItsSlabs)
{
    free_and_publish(blocks_of_sleeper());
    alloc(CLASS_1K);
    EXPECT_EQ(heap_->counts.handovers, 0u) << "it took slow paths, and nobody had asked before";
    EXPECT_NE(sleeper_->inbox.head, 0u);
}

TEST_F(HeapAsleep, APurgeGivesItBackAndAsksNobody)
{
    hak_heap *purging = machine_.claim();
    free_and_publish(blocks_of_sleeper());
    hak_i_heap_purge(purging);
    EXPECT_EQ(purging->counts.handovers, SLABS);
    EXPECT_EQ(machine_.held_units(), 64 * HAK_KIB / HAK_UNIT_BYTES);
    EXPECT_EQ(slabs_of(sleeper_), 1u);
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapAsleep, APurgePutsBackWhatIsNotWhole)
{
    std::vector<void *> blocks = blocks_of_sleeper();
    hak_slab *in_use = machine_.slab_of(blocks.back());
    rest_.push_back(blocks.back());
    blocks.pop_back();
    free_and_publish(blocks);
    hak_i_heap_purge(heap_);
    EXPECT_EQ(heap_->counts.handovers, SLABS - 1);
    EXPECT_EQ(in_use->owner, &sleeper_->inbox);
    EXPECT_TRUE(machine_.is_sound()) << "it is in the inbox again";
}

TEST_F(HeapAsleep, ItIsAskedAgainAfterAsMuchWasSent)
{
    std::vector<void *> blocks = blocks_of_sleeper();
    std::vector<void *> second(blocks.begin() + COUNT * SLABS / 2, blocks.end());
    blocks.resize(COUNT * SLABS / 2);
    free_and_publish(blocks);
    alloc(CLASS_16); // asks
    free_and_publish(second);
    alloc(CLASS_32);
    EXPECT_EQ(heap_->counts.handovers, SLABS);
}

TEST_F(HeapAsleep, WhatIsInUseStaysAndIsPutBack)
{
    std::vector<void *> blocks = blocks_of_sleeper();
    rest_.push_back(blocks.back());
    blocks.pop_back();
    hak_slab *in_use = machine_.slab_of(rest_.back());
    void *on_stack = nullptr;
    for (void *&block : blocks) {
        if (machine_.slab_of(block) != in_use && on_stack == nullptr) {
            std::swap(on_stack, block);
            block = blocks.back();
        }
    }
    blocks.pop_back();
    machine_.free(sleeper_, on_stack);
    free_and_publish(blocks);
    fall_asleep();
    alloc(CLASS_16);
    EXPECT_EQ(heap_->counts.handovers, SLABS - 2);
    EXPECT_EQ(machine_.slab_of(on_stack)->owner, &sleeper_->inbox);
    EXPECT_TRUE(machine_.is_sound()) << "both are in its inbox";
    hak_i_heap_purge(sleeper_);
    EXPECT_EQ(sleeper_->inbox.head, 0u);
    EXPECT_EQ(slabs_of(sleeper_), 2u);
}

TEST_F(HeapAsleep, ASlabWhoseFreersAreNotDoneStays)
{
    free_and_publish(blocks_of_sleeper());
    auto *slab = reinterpret_cast<hak_slab *>(sleeper_->inbox.head);
    EXPECT_TRUE(hak_i_slab_came_back(slab));
    slab->summary = 0; // who set the last bits names them next
    EXPECT_FALSE(hak_i_slab_came_back(slab));
    slab->summary = 1;
}

TEST_F(HeapAsleep, ASlabWithABlockFreedTwiceStaysWithItsOwner)
{
    std::vector<void *> blocks = blocks_of_sleeper();
    machine_.free(sleeper_, blocks[0]);
    hak_i_stack_flush(sleeper_, CLASS_1K); // its slab is listed by its owner now
    free_and_publish(blocks);
    fall_asleep();
    alloc(CLASS_16);
    EXPECT_EQ(heap_->counts.handovers, SLABS - 1);
    EXPECT_EQ(machine_.slab_of(blocks[0])->owner, &sleeper_->inbox);
    hak_i_heap_drain_all(sleeper_);
    EXPECT_EQ(sleeper_->finding_count, 1u) << "the owner finds it";
    sleeper_->finding_count = 0;
}

TEST_F(HeapAsleep, AnIdleHeapsInboxIsLeftAlone)
{
    std::vector<void *> blocks = blocks_of_sleeper();
    hak_i_heap_release(sleeper_);
    fall_asleep();
    free(blocks[0]);
    hak_i_combine_publish_all(heap_);
    uintptr_t head = sleeper_->inbox.head;
    ASSERT_NE(head & HAK_INBOX_IDLE, 0u);
    EXPECT_EQ(hak_i_inbox_take_from(&sleeper_->inbox), nullptr);
    EXPECT_EQ(sleeper_->inbox.head, head);
}

TEST_F(HeapAsleep, WhatIsPutBackJoinsWhatCameMeanwhile)
{
    std::vector<void *> blocks = blocks_of_sleeper();
    free(blocks[0]);
    free(blocks[COUNT]);
    hak_i_combine_publish_all(heap_);
    hak_slab *taken = hak_i_inbox_take_from(&sleeper_->inbox);
    ASSERT_NE(taken, nullptr);
    free(blocks[2 * COUNT]);
    hak_i_combine_publish_all(heap_);
    hak_i_inbox_put_back(&sleeper_->inbox, taken);
    EXPECT_TRUE(machine_.is_sound());
    hak_i_heap_drain_all(sleeper_);
    EXPECT_TRUE(hak_i_heap_knows_free(&machine_.heaps, blocks[COUNT]));
}

TEST_F(HeapAsleep, AtTheProcessEndWhatIsPendingIsOutOfOthersReach)
{
    free_and_publish(blocks_of_sleeper());
    uintptr_t head = sleeper_->inbox.head;
    EXPECT_EQ(hak_i_heap_find_double(sleeper_), nullptr);
    EXPECT_EQ(hak_i_inbox_take_from(&sleeper_->inbox), nullptr);
    EXPECT_EQ(address_of(sleeper_->drained), head);
}

} // namespace
