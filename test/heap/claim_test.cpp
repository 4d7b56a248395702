// SPDX-License-Identifier: MIT
// Whole heaps are claimed, given back, tended and taken from.
#include "heap/machine.h"

using namespace hak_test;

namespace {

class HeapClaim : public HeapTest {
protected:
    /** Leaves an idle heap with one live block in each of `slabs` slabs; returns those blocks. */
    std::vector<void *> leave_partial_slabs(unsigned class_index, size_t slabs)
    {
        hak_heap *heap = machine_.claim();
        std::vector<void *> live;
        std::set<hak_slab *> seen;
        size_t count = slabs * hak_i_slab_classes[class_index].block_count;
        for (void *block : machine_.alloc_many(heap, class_index, count)) {
            if (seen.insert(machine_.slab_of(block)).second) {
                live.push_back(block);
            } else {
                machine_.free(heap, block);
            }
        }
        hak_i_heap_release(heap);
        Machine::let_rest();
        return live;
    }

    hak_heap *owner_of(void *block)
    {
        hak_heap *owner = nullptr;
        machine_.for_each_heap(
            [&](hak_heap *heap) { owner = machine_.slab_of(block)->owner == &heap->inbox ? heap : owner; });
        return owner;
    }
};

TEST_F(HeapClaim, HeapsAreNumberedFromOneAndDistinct)
{
    hak_heap *second = machine_.claim();
    hak_heap *third = machine_.claim();
    EXPECT_EQ(heap_->number, 1u);
    EXPECT_EQ(second->number, 2u);
    EXPECT_EQ(third->number, 3u);
    EXPECT_EQ(third->hot.id, 3u << HAK_ID_HEAP_SHIFT);
    EXPECT_EQ(machine_.heaps.heap_count, 3u);
    EXPECT_EQ(machine_.heaps.idle_count, 0u);
}

TEST_F(HeapClaim, TheHeapReleasedLastIsClaimedFirst)
{
    hak_heap *second = machine_.claim();
    hak_heap *third = machine_.claim();
    hak_i_heap_release(third);
    hak_i_heap_release(second);
    EXPECT_EQ(machine_.heaps.idle_count, 2u);
    EXPECT_TRUE(machine_.is_sound());
    EXPECT_EQ(machine_.claim(), second);
    EXPECT_EQ(machine_.claim(), third);
    EXPECT_EQ(machine_.claim()->number, 4u);
    EXPECT_EQ(second->counts.claims, 2u);
}

TEST_F(HeapClaim, TheHeapThatIsPreferredIsClaimedIfItIsIdle)
{
    hak_heap *second = machine_.claim();
    hak_heap *third = machine_.claim();
    void *block = machine_.alloc(second, CLASS_64);
    EXPECT_EQ(hak_i_heap_owner_of(&machine_.heaps, block), second);
    hak_i_heap_release(second);
    hak_i_heap_release(third);
    EXPECT_EQ(machine_.claim(second), second);
    EXPECT_EQ(machine_.claim(second), third) << "the one preferred is held";
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapClaim, ReleaseKeepsShortStacksAndEmptySlabsAndCountsThem)
{
    hak_heap *heap = machine_.claim();
    std::vector<void *> live;
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        std::vector<void *> blocks = machine_.alloc_many(heap, i, 30);
        live.push_back(blocks.back());
        blocks.pop_back();
        machine_.free_all(heap, blocks);
    }
    hak_i_heap_release(heap);
    EXPECT_EQ(machine_.live_blocks(), live.size());
    EXPECT_EQ(heap->combine.open, 0u);
    EXPECT_EQ(heap->combine.waiting_mask, 0u);
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        EXPECT_LE(stack_count(heap, i), i < HAK_TINY_CLASS_COUNT ? hak_i_slab_classes[i].first_slots : 0u);
    }
    machine_.for_each_bound_slab([](hak_slab *slab) { EXPECT_EQ(slab->retained, hak_i_slab_is_empty(slab)); });
    free_all(live);
    hak_i_heap_purge(heap_);
    hak_i_heaps_purge_idle(&machine_.heaps);
    EXPECT_EQ(machine_.held_units(), 0u);
}

TEST_F(HeapClaim, StacksStartAnewWithTheNextHolder)
{
    hak_heap *heap = machine_.claim();
    size_t granted = heap->granted_bytes;
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        machine_.free_all(heap, machine_.alloc_many(heap, i, 40));
    }
    ASSERT_NE(heap->granted_bytes, granted);
    hak_i_heap_release(heap);
    ASSERT_EQ(machine_.claim(), heap);
    EXPECT_EQ(heap->granted_bytes, granted);
}

/* --------------------------------------------------------------------------------------------------- take-over ---- */

TEST_F(HeapClaim, AThreadShortOfMemoryTakesAnIdleHeapsSlabs)
{
    std::vector<void *> live = leave_partial_slabs(CLASS_64, 3);
    hak_heap *idle = owner_of(live[0]);
    size_t held = machine_.held_units();
    std::vector<void *> blocks = alloc_many(CLASS_64, 3 * 1023);
    EXPECT_EQ(machine_.held_units(), held) << "the arena was asked";
    EXPECT_EQ(heap_->counts.handovers, 3u);
    EXPECT_EQ(idle->slab_bytes, 0u);
    for (void *block : live) {
        EXPECT_EQ(owner_of(block), heap_);
        EXPECT_EQ(hak_i_heap_own_class(&heap_->hot, block), size_t{CLASS_64 * HAK_BIN_BYTES});
        free(block);
    }
    free_all(blocks);
    EXPECT_EQ(heap_->counts.remote_frees, 0u);
    EXPECT_EQ(machine_.live_blocks(), 0u);
}

TEST_F(HeapClaim, OneSlowCallTakesAtMost16SlabsOfOneHeap)
{
    leave_partial_slabs(CLASS_64, 40);
    alloc(CLASS_64);
    EXPECT_EQ(heap_->counts.handovers, 16u);
    EXPECT_EQ(machine_.heaps.idle_count, 1u);
}

TEST_F(HeapClaim, AnEmptySlabOfAnIdleHeapServesAnyClass)
{
    hak_heap *idle = machine_.claim();
    machine_.free_all(idle, machine_.alloc_many(idle, CLASS_64, 1024));
    hak_i_heap_release(idle);
    ASSERT_NE(idle->empty_count, 0u);
    Machine::let_rest();
    size_t held = machine_.held_units();
    alloc(CLASS_1K);
    EXPECT_EQ(machine_.held_units(), held);
    EXPECT_EQ(idle->empty_count, 0u);
}

TEST_F(HeapClaim, AnEmptySlabThatIsTakenOverIsStillCounted)
{
    leave_partial_slabs(CLASS_32, 4);
    hak_heap *idle = machine_.claim();
    std::vector<void *> blocks = machine_.alloc_many(idle, CLASS_32, 4 * 1023 + 1024); // one more slab, which is kept
    std::swap(blocks.front(), blocks.back()); // two slabs' blocks are on the stack in the end, so it is flushed
    machine_.free_all(idle, blocks);
    hak_i_heap_release(idle);
    ASSERT_NE(idle->stacks[CLASS_32].kept, nullptr);
    Machine::let_rest();
    alloc(CLASS_32);
    EXPECT_NE(heap_->counts.handovers, 0u);
    machine_.for_each_bound_slab([](hak_slab *slab) { EXPECT_EQ(slab->retained, hak_i_slab_is_empty(slab)); });
}

TEST_F(HeapClaim, TakesNothingFromAHeapThatIsHeld)
{
    hak_heap *held = machine_.claim();
    std::vector<void *> blocks = machine_.alloc_many(held, CLASS_64, 100);
    alloc_many(CLASS_64, 100);
    EXPECT_EQ(heap_->counts.handovers, 0u);
    EXPECT_EQ(owner_of(blocks[0]), held);
}

TEST_F(HeapClaim, TakesNothingFromAHeapThatItsNextThreadMayClaim)
{
    std::vector<void *> live = leave_partial_slabs(CLASS_64, 2);
    hak_heap *idle = machine_.claim(owner_of(live[0]));
    hak_i_heap_release(idle);
    fake_os::advance_ms(49);
    alloc(CLASS_64);
    EXPECT_EQ(owner_of(live[0]), idle);
    EXPECT_FALSE(idle->held);
    fake_os::advance_ms(1);
    alloc_many(CLASS_64, 1024);
    EXPECT_EQ(owner_of(live[0]), heap_);
}

TEST_F(HeapClaim, WhatIsPendingAtAnIdleHeapIsFoundByTheTakeOver)
{
    std::vector<void *> live = leave_partial_slabs(CLASS_32, 1);
    hak_heap *other = machine_.claim(); // the idle heap itself
    std::vector<void *> blocks = machine_.alloc_many(other, CLASS_32, 1023);
    hak_i_heap_release(other);
    Machine::let_rest();
    free_all(blocks); // remote: pending, for the slab is small
    hak_i_heap_purge(heap_);
    hak_slab *slab = machine_.slab_of(live[0]);
    ASSERT_NE(slab->summary, 0u);
    alloc(CLASS_32);
    EXPECT_EQ(owner_of(live[0]), heap_);
    EXPECT_EQ(slab->summary, 0u);
}

TEST_F(HeapClaim, BlocksFreedAcrossAHandOverAreForwarded)
{
    hak_heap *freer = machine_.claim();
    std::vector<void *> live = leave_partial_slabs(CLASS_64, 2);
    std::vector<uint32_t> ids = {machine_.id_at(address_of(live[0])), machine_.id_at(address_of(live[1]))};
    alloc_many(CLASS_64, 2000); // takes both over
    ASSERT_EQ(owner_of(live[1]), heap_);
    hak_i_heap_free_remote(freer, ids[0], live[0]); // the ID was read before
    machine_.free(freer, live[1]);
    hak_i_heap_release(freer);
    EXPECT_TRUE(machine_.is_sound());
    EXPECT_EQ(machine_.live_blocks(), 2000u);
    hak_i_heap_purge(heap_);
    EXPECT_TRUE(hak_i_heap_knows_free(&machine_.heaps, live[0]));
    EXPECT_TRUE(hak_i_heap_knows_free(&machine_.heaps, live[1]));
}

TEST_F(HeapClaim, AHeapForwardsWhatItNoLongerOwns)
{
    std::vector<void *> live = leave_partial_slabs(CLASS_64, 1);
    hak_slab *slab = machine_.slab_of(live[0]);
    hak_heap *first = owner_of(live[0]);
    alloc(CLASS_64);
    ASSERT_EQ(slab->owner, &heap_->inbox);
    slab->remote[0] = 1; // a freer that read the first owner pushes there only now
    slab->summary = 1;
    hak_i_inbox_push(&first->inbox, slab);
    hak_i_heaps_purge_idle(&machine_.heaps);
    EXPECT_EQ(first->inbox.head, HAK_INBOX_IDLE);
    EXPECT_EQ(heap_->inbox.head, address_of(slab));
    EXPECT_TRUE(machine_.is_sound());
    hak_i_heap_purge(heap_);
    EXPECT_TRUE(hak_i_heap_knows_free(&machine_.heaps, live[0]));
}

/* ------------------------------------------------------------------------------------------------------ tending ----
 */

TEST_F(HeapClaim, WhatIsPendingAtAnIdleHeapIsTendedToFrom256KiBOn)
{
    std::vector<void *> live = leave_partial_slabs(CLASS_64, 8);
    hak_heap *idle = owner_of(live[0]);
    for (size_t i = 0; i < 3; i++) {
        free(live[i]);
        hak_i_heap_purge(heap_);
        EXPECT_NE(idle->inbox.head, HAK_INBOX_IDLE) << (i + 1) * 64 << " KiB are pending";
    }
    free(live[3]);
    hak_i_heap_purge(heap_);
    EXPECT_EQ(idle->inbox.head, HAK_INBOX_IDLE);
    EXPECT_FALSE(idle->held);
    EXPECT_EQ(machine_.held_units(), 4 * 64 * HAK_KIB / HAK_UNIT_BYTES) << "what became empty went back";
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapClaim, AThreadWithoutAHeapTendsToo)
{
    std::vector<void *> live = leave_partial_slabs(CLASS_64, 4);
    hak_heap *idle = owner_of(live[0]);
    for (void *block : live) {
        EXPECT_FALSE(hak_i_heap_publish(&machine_.heaps, machine_.id_at(address_of(block)), block));
    }
    EXPECT_EQ(idle->inbox.head, HAK_INBOX_IDLE);
    EXPECT_EQ(machine_.held_units(), 0u);
}

TEST_F(HeapClaim, PurgingIdleHeapsCollectsWhatIsPendingThere)
{
    for (int i = 0; i < 3; i++) {
        std::vector<void *> live = leave_partial_slabs(CLASS_64, 2);
        free_all(live);
        hak_i_heap_purge(heap_);
    }
    EXPECT_NE(machine_.held_units(), 0u);
    hak_i_heaps_purge_idle(&machine_.heaps);
    EXPECT_EQ(machine_.held_units(), 0u);
}

/* ------------------------------------------------------------------------------------------------------ forking ----
 */

TEST_F(HeapClaim, TheHeapOfAThreadThatIsGoneIsAdopted)
{
    hak_heap *gone = machine_.claim();
    std::vector<void *> mine = alloc_many(CLASS_64, 128);
    std::vector<void *> blocks = machine_.alloc_many(gone, CLASS_64, 300);
    std::vector<void *> on_stack = {blocks[100], blocks[101]};
    machine_.free_all(gone, on_stack);
    machine_.free(gone, mine[0]);   // waits in its combining buffer
    machine_.free(gone, mine[100]); // in the open entry
    gone->busy = true;              // about to wait at the gate
    machine_.free(heap_, blocks[0]);
    hak_i_heap_purge(heap_); // pending at its inbox
    hak_i_heaps_adopt_orphans(&machine_.heaps, heap_);
    EXPECT_EQ(machine_.heaps.idle_count, 1u);
    EXPECT_TRUE(machine_.is_sound());
    hak_i_heap_purge(heap_);
    EXPECT_FALSE(gone->busy);
    EXPECT_TRUE(hak_i_heap_knows_free(&machine_.heaps, mine[0]));
    EXPECT_FALSE(hak_i_heap_knows_free(&machine_.heaps, mine[100])) << "as what the stacks held";
    EXPECT_EQ(machine_.claim(), gone);
    hak_i_heap_purge(gone);
    EXPECT_TRUE(hak_i_heap_knows_free(&machine_.heaps, blocks[0]));
    EXPECT_FALSE(hak_i_heap_knows_free(&machine_.heaps, on_stack[0])) << "what the stacks held is given up";
}

} // namespace
