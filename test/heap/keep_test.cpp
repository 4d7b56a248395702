// SPDX-License-Identifier: MIT
// Blocks of other heaps that a heap keeps on its own stacks.
#include "heap/machine.h"

using namespace hak_test;

namespace {

class HeapKeep : public HeapTest {
protected:
    /** Another heap that allocates from the class, with nothing on its stack. */
    void start(unsigned class_index)
    {
        own_ = machine_.alloc(other_, class_index);
        while (void *block = hak_i_heap_pop(&other_->hot.bins[class_index])) {
            rest_.push_back(block);
        }
    }
    uint64_t publications() const { return other_->counts.publications; }

    hak_heap *other_ = machine_.claim();
    void *own_ = nullptr;
    std::vector<void *> rest_;
};

TEST_F(HeapKeep, AHeapAllocatesWhatItFreed)
{
    for (unsigned class_index : {CLASS_4K, CLASS_8K}) {
        start(class_index);
        void *block = alloc(class_index);
        machine_.free(other_, block);
        EXPECT_EQ(stack_count(other_, class_index), 1u);
        EXPECT_TRUE(machine_.is_sound());
        EXPECT_EQ(machine_.alloc(other_, class_index), block);
        EXPECT_EQ(publications(), 0u);
    }
}

TEST_F(HeapKeep, NotATinyBlockForItSharesItsLineWithOthers)
{
    start(CLASS_1K);
    machine_.free(other_, alloc(CLASS_1K));
    EXPECT_EQ(stack_count(other_, CLASS_1K), 0u);
}

TEST_F(HeapKeep, AHeapThatOnlyFreesKeepsNothing)
{
    std::vector<void *> blocks = alloc_many(CLASS_8K, 100);
    machine_.free_all(other_, blocks);
    EXPECT_EQ(stack_count(other_, CLASS_8K), 0u);
    EXPECT_EQ(other_->counts.remote_frees, blocks.size());
}

TEST_F(HeapKeep, AFullStackPassesOnOrSendsHomeTheRest)
{
    start(CLASS_8K);
    std::vector<void *> blocks = alloc_many(CLASS_8K, 2000);
    machine_.free_all(other_, blocks);
    EXPECT_LE(stack_count(other_, CLASS_8K), other_->stacks[CLASS_8K].capacity);
    EXPECT_EQ(machine_.passed(CLASS_8K).size(), size_t{HAK_DEPOT_SLOTS});
    EXPECT_EQ(other_->counts.remote_frees + HAK_DEPOT_SLOTS + stack_count(other_, CLASS_8K), blocks.size());
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapKeep, WhatIsFlushedGoesHome)
{
    start(CLASS_8K);
    std::vector<void *> blocks = alloc_many(CLASS_8K, 4);
    machine_.free_all(other_, blocks);
    hak_i_heap_purge(other_);
    EXPECT_EQ(stack_count(other_, CLASS_8K), 0u);
    EXPECT_EQ(other_->counts.remote_frees, 4u);
    hak_i_heap_purge(heap_);
    EXPECT_EQ(machine_.live_blocks(), 1 + rest_.size());
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapKeep, AnIdleHeapKeepsNothing)
{
    start(CLASS_8K);
    std::vector<void *> blocks = alloc_many(CLASS_8K, 4);
    machine_.free_all(other_, blocks);
    hak_i_heap_release(other_);
    EXPECT_TRUE(machine_.is_sound());
    machine_.free_all(heap_, rest_);
    free(own_);
    hak_i_heap_purge(heap_);
    hak_i_heaps_purge_idle(&machine_.heaps);
    EXPECT_EQ(machine_.held_units(), 0u);
}

TEST_F(HeapKeep, RefusesWhatIsNoBlock)
{
    start(CLASS_8K);
    void *block = alloc(CLASS_8K);
    uint32_t id = machine_.id_at(address_of(block));
    hak_slab *slab = machine_.slab_of(block);
    auto keep = [&](void *at) { return hak_i_heap_keep(&other_->hot, id, slab, at); };
    EXPECT_FALSE(keep(static_cast<char *>(block) + 16)) << "interior";
    EXPECT_FALSE(keep(hak_i_slab_block(slab, slab->carved))) << "never allocated";
    EXPECT_FALSE(hak_i_heap_is_foreign(&heap_->hot, id)) << "its own";
    EXPECT_TRUE(keep(block));
    EXPECT_FALSE(keep(block)) << "freed twice";
    EXPECT_TRUE(keep(alloc(CLASS_8K)));
    EXPECT_FALSE(keep(block)) << "freed twice, with one between";
}

/* Two of its blocks fill the stack, and the next are on their way home. */
TEST_F(HeapKeep, SeesADoubleFreeOfWhatGoesHome)
{
    start(CLASS_8K);
    std::vector<void *> blocks = alloc_many(CLASS_8K, 2000);
    size_t kept = 0;
    for (; other_->combine.open == 0; kept++) {
        machine_.free(other_, blocks[kept]);
    }
    void *going = blocks[kept - 1];
    ASSERT_NE(hak_i_heap_pop(&other_->hot.bins[CLASS_8K]), nullptr);
    machine_.free(other_, going);
    EXPECT_EQ(other_->finding_count, 1u) << "in the buffer, where there is room on the stack";
    other_->finding_count = 0;
    machine_.alloc(other_, CLASS_16); // publishes
    ASSERT_NE(hak_i_heap_pop(&other_->hot.bins[CLASS_8K]), nullptr);
    machine_.free(other_, going);
    hak_i_heap_purge(other_);
    EXPECT_EQ(other_->finding_count, 1u) << "pending at its owner";
}

TEST_F(HeapKeep, ADoubleFreeAmongTheTwoNewestIsNotSentHome)
{
    start(CLASS_8K);
    std::vector<void *> blocks = alloc_many(CLASS_8K, 2000);
    size_t next = 0;
    for (; other_->combine.open == 0; next++) {
        machine_.free(other_, blocks[next]);
    }
    ASSERT_NE(hak_i_heap_pop(&other_->hot.bins[CLASS_8K]), nullptr);
    void *block = blocks[next];
    machine_.free(other_, block);
    ASSERT_EQ(other_->hot.bins[CLASS_8K].top[-1], block);
    EXPECT_FALSE(machine_.free_foreign(&other_->hot, machine_.id_at(address_of(block)), block));
}

/* A tiny block is on no other stack than its owner's, so it was freed twice when its slab has become another heap's. */
TEST_F(HeapKeep, ATinyBlockWhoseSlabIsAnothersNowWasFreedTwice)
{
    void *block = alloc(CLASS_32);
    free(block);
    hak_i_heap_purge(heap_);
    ASSERT_EQ(machine_.held_units(), 0u);
    ASSERT_EQ(machine_.alloc(other_, CLASS_32), block);
    hak_bin &bin = heap_->hot.bins[CLASS_32];
    *bin.top++ = block;
    hak_i_heap_purge(heap_);
    ASSERT_EQ(heap_->finding_count, 1u);
    EXPECT_EQ(heap_->findings[0].block, block);
    EXPECT_EQ(hak_i_heap_find_double(heap_), block) << "at the end of the process, if nobody asks before";
    hak_i_heap_purge(other_);
    EXPECT_FALSE(hak_i_heap_knows_free(&machine_.heaps, block)) << "it is the other heap's program's";
}

TEST_F(HeapKeep, SeesWithItsOwnerABlockThatBothFreed)
{
    start(CLASS_8K);
    void *block = alloc(CLASS_8K);
    machine_.free(other_, block);
    free(block);
    hak_i_heap_purge(heap_);
    hak_i_heap_purge(other_);
    hak_i_heap_purge(heap_);
    EXPECT_EQ(heap_->finding_count + other_->finding_count, 1u);
}

} // namespace
