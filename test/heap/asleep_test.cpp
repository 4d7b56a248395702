// SPDX-License-Identifier: MIT
// Who frees into a heap whose thread is asleep has its slabs; and what a visit to a heap asks of both threads.
#include "base/option.h"
#include "heap/machine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

using namespace hak_test;

namespace {

constexpr size_t COUNT = 64; // of a slab of CLASS_1K
constexpr size_t SLABS = 10;

class HeapAsleep : public HeapTest {
protected:
    /** The blocks of SLABS whole slabs and more, of which the sleeper's stack holds none. */
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

    /** Takes every second block out of `blocks`. */
    static std::vector<void *> halve(std::vector<void *> &blocks)
    {
        std::vector<void *> first, second;
        for (size_t i = 0; i < blocks.size(); i++) {
            (i % 2 == 0 ? first : second).push_back(blocks[i]);
        }
        blocks = second;
        return first;
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

TEST_F(HeapAsleep, WhoFreedAndIsShortHasSlabsInUse)
{
    std::vector<void *> blocks = blocks_of_sleeper();
    free_and_publish(halve(blocks));
    fall_asleep();
    size_t held = machine_.held_units();
    alloc_many(CLASS_1K, 3 * COUNT / 2);
    EXPECT_EQ(machine_.held_units(), held) << "the arena was asked";
    EXPECT_EQ(heap_->counts.handovers, 4u);
    EXPECT_EQ(slabs_of(heap_), 4u);
    EXPECT_EQ(sleeper_->inbox.head, 0u);
    EXPECT_EQ(sleeper_->slab_bytes, slabs_of(sleeper_) * 64 * HAK_KIB);
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapAsleep, AVisitCollectsABoundedNumberOfSlabs)
{
    std::vector<void *> blocks = machine_.alloc_many(sleeper_, CLASS_1K, 100 * COUNT);
    hak_i_stack_flush(sleeper_, CLASS_1K);
    free_and_publish(halve(blocks));
    fall_asleep();
    alloc(CLASS_16);
    size_t left = 0;
    for (hak_slab *slab = sleeper_->drained; slab != nullptr; slab = slab->next_pending) {
        left++;
    }
    EXPECT_EQ(left, 100u - 64);
    EXPECT_TRUE(machine_.is_sound());
    hak_i_heap_purge(heap_);
    EXPECT_EQ(sleeper_->drained, nullptr);
}

TEST_F(HeapAsleep, NoSlabIsTakenOfWhichSomethingPendsThere)
{
    std::vector<void *> blocks = machine_.alloc_many(sleeper_, CLASS_1K, 300 * COUNT);
    machine_.free_all(sleeper_, halve(blocks)); // so that all slabs have room
    hak_i_stack_flush(sleeper_, CLASS_1K);
    free_and_publish(halve(blocks));
    fall_asleep();
    alloc(CLASS_1K);
    ASSERT_NE(sleeper_->drained, nullptr);
    for (hak_slab *slab = sleeper_->drained; slab != nullptr; slab = slab->next_pending) {
        EXPECT_EQ(slab->owner, &sleeper_->inbox);
    }
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapAsleep, PurgingCollectsWhatWasForwardedMeanwhile)
{
    hak_heap *third = machine_.claim();
    void *block = alloc(CLASS_1K);
    hak_i_stack_flush(heap_, CLASS_1K);
    machine_.free(third, block);
    hak_i_combine_publish_all(third);
    hak_slab *slab = hak_i_inbox_take(&heap_->inbox);
    ASSERT_EQ(slab, machine_.slab_of(block));
    hak_i_inbox_push(&sleeper_->inbox, slab); // as by one who read the owner before it changed
    hak_i_heap_purge(heap_);
    EXPECT_EQ(machine_.held_units(), 0u);
}

TEST_F(HeapAsleep, AKeptSlabOfWhichABlockWasFreedAgainStays)
{
    void *block = alloc(CLASS_256K);
    free(block);
    hak_i_stack_flush(heap_, machine_.slab_of(block)->class_index);
    hak_slab *slab = heap_->stacks[CLASS_256K].kept;
    ASSERT_NE(slab, nullptr);
    hak_i_heap_publish(&machine_.heaps, machine_.id_at(address_of(block)), block);
    hak_i_heap_release_empties(heap_);
    EXPECT_EQ(heap_->stacks[CLASS_256K].kept, slab);
    hak_i_heap_purge(heap_);
    ASSERT_EQ(heap_->finding_count, 1u);
    EXPECT_EQ(heap_->findings[0].block, block);
    heap_->finding_count = 0;
    EXPECT_EQ(machine_.held_units(), 0u);
}

TEST_F(HeapAsleep, WhatCameBackWholeIsForAnyHeap)
{
    free_and_publish(blocks_of_sleeper());
    fall_asleep();
    size_t held = machine_.held_units();
    alloc_many(CLASS_1K, 5 * COUNT);
    EXPECT_LE(machine_.held_units(), held - SLABS / 2 * 64 * HAK_KIB / HAK_UNIT_BYTES);
    EXPECT_EQ(sleeper_->empty_count, 0u);
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapAsleep, ASlabOfEachOtherClassThatIsShortComesAlong)
{
    std::vector<void *> others;
    for (unsigned class_index : {CLASS_64, CLASS_128, CLASS_4K}) {
        std::vector<void *> some = machine_.alloc_many(sleeper_, class_index, 200);
        hak_i_stack_flush(sleeper_, class_index);
        alloc(class_index);
        hak_i_stack_flush(heap_, class_index);
        while (hak_slab *rooms = heap_->stacks[class_index].rooms) { // now it is short
            hak_i_heap_unlist(heap_, rooms);
            rooms->carved = hak_i_slab_class(rooms)->block_count;
            for (uint64_t &word : rooms->local) {
                word = 0;
            }
            rooms->free_count = 0;
        }
    }
    heap_->stacks[CLASS_4K].used = false; // and does not need this one
    free_and_publish(blocks_of_sleeper());
    fall_asleep();
    alloc(CLASS_16);
    EXPECT_NE(heap_->stacks[CLASS_64].rooms, nullptr);
    EXPECT_NE(heap_->stacks[CLASS_128].rooms, nullptr);
    EXPECT_EQ(heap_->stacks[CLASS_4K].rooms, nullptr);
    EXPECT_NE(sleeper_->stacks[CLASS_4K].rooms, nullptr);
}

TEST_F(HeapAsleep, WhoFreedAndEndsGivesItBack)
{
    hak_heap *ending = machine_.claim();
    machine_.free_all(ending, blocks_of_sleeper());
    fall_asleep();
    hak_i_heap_release(ending);
    EXPECT_EQ(machine_.held_units(), 64 * HAK_KIB / HAK_UNIT_BYTES);
    EXPECT_EQ(slabs_of(sleeper_), 1u) << "that of the blocks which are still used";
}

TEST_F(HeapAsleep, AThreadThatIsAwakeKeepsItsSlabs)
{
    free_and_publish(blocks_of_sleeper());
    alloc(CLASS_1K);
    EXPECT_EQ(heap_->counts.handovers, 0u) << "it took slow paths, and nobody had asked before";
    EXPECT_NE(sleeper_->inbox.head, 0u);
}

TEST_F(HeapAsleep, AThreadInSlowWorkKeepsItsSlabs)
{
    free_and_publish(blocks_of_sleeper());
    fall_asleep();
    sleeper_->busy = true;
    alloc(CLASS_1K);
    hak_i_heap_purge(heap_);
    sleeper_->busy = false;
    EXPECT_NE(sleeper_->inbox.head, 0u);
    EXPECT_FALSE(sleeper_->visited);
}

TEST_F(HeapAsleep, NobodyVisitsWhereTheSystemHasNoBarrier)
{
    free_and_publish(blocks_of_sleeper());
    fall_asleep();
    fake_os::refuse_fences();
    alloc(CLASS_1K);
    hak_i_heap_purge(heap_);
    EXPECT_NE(sleeper_->inbox.head, 0u);
}

TEST_F(HeapAsleep, NobodyVisitsWhereTheOptionSaysSo)
{
    free_and_publish(blocks_of_sleeper());
    fall_asleep();
    hak_i_base_options.visits = HAK_VISITS_OFF;
    alloc(CLASS_1K);
    hak_i_heap_purge(heap_);
    hak_i_base_options.visits = HAK_VISITS_ON;
    EXPECT_NE(sleeper_->inbox.head, 0u);
}

TEST_F(HeapAsleep, ItIsAskedAgainAfterAsMuchWasSent)
{
    std::vector<void *> blocks = blocks_of_sleeper();
    std::vector<void *> first = halve(blocks);
    free_and_publish(first);
    alloc(CLASS_16); // asks
    EXPECT_NE(sleeper_->inbox.head, 0u);
    free_and_publish(blocks);
    alloc(CLASS_32);
    EXPECT_EQ(sleeper_->inbox.head, 0u);
}

TEST_F(HeapAsleep, BlocksThatTheSleeperHasAtHandGoToWhoHasTheSlabs)
{
    std::vector<void *> blocks = blocks_of_sleeper();
    std::vector<void *> at_hand;
    for (size_t slab = 0; slab < SLABS; slab++) {
        at_hand.push_back(blocks[slab * COUNT + 1]);
    }
    machine_.free_all(sleeper_, at_hand);
    free_and_publish(halve(blocks));
    fall_asleep();
    alloc(CLASS_1K);
    auto went = [&](void *block) { return hak_i_heap_owner_of(&machine_.heaps, block) == heap_; };
    ASSERT_EQ(std::count_if(at_hand.begin(), at_hand.end(), went), 4);
    EXPECT_TRUE(machine_.is_sound());
    hak_i_heap_settle(sleeper_);
    EXPECT_EQ(sleeper_->finding_count, 0u) << "none was freed twice";
    for (void *block : at_hand) {
        EXPECT_TRUE(hak_i_heap_knows_free(&machine_.heaps, block));
    }
    EXPECT_TRUE(machine_.is_sound());
    hak_i_heap_drain_all(heap_);
    EXPECT_EQ(heap_->finding_count, 0u);
}

TEST_F(HeapAsleep, WhoVisitsTellsOfABlockFreedTwice)
{
    std::vector<void *> blocks = blocks_of_sleeper();
    machine_.free(sleeper_, blocks[0]);
    hak_i_stack_flush(sleeper_, CLASS_1K);
    free_and_publish(blocks);
    fall_asleep();
    alloc(CLASS_16);
    EXPECT_EQ(sleeper_->finding_count, 0u);
    ASSERT_EQ(heap_->finding_count, 1u);
    EXPECT_EQ(heap_->findings[0].block, blocks[0]);
    heap_->finding_count = 0;
}

TEST_F(HeapAsleep, AHeapThatIsPutAwayIsLeftAlone)
{
    machine_.free_all(sleeper_, machine_.alloc_many(sleeper_, CLASS_64, 5));
    hak_i_heap_put_away(sleeper_);
    ASSERT_NE(sleeper_->put_away_bytes, 0u);
    EXPECT_FALSE(hak_i_heap_begin_visit(sleeper_, heap_)) << "its stacks hold blocks that are to stay";
    hak_i_heap_release(sleeper_);
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapAsleep, ABlockWhoseSlabWentBeforeItsFreeBeganGoesHome)
{
    std::vector<void *> blocks = blocks_of_sleeper();
    free_and_publish(halve(blocks));
    fall_asleep();
    alloc(CLASS_1K);
    auto went = [&](void *block) { return hak_i_heap_owner_of(&machine_.heaps, block) == heap_; };
    void *block = *std::find_if(blocks.begin(), blocks.end(), went);
    uint32_t capacity = std::exchange(sleeper_->stacks[CLASS_1K].capacity, 0); // as with HAKMEM_CHECK=full
    machine_.heaps.check_full = true;
    hak_i_heap_free(sleeper_, CLASS_1K, block);
    machine_.heaps.check_full = false;
    sleeper_->stacks[CLASS_1K].capacity = capacity;
    hak_i_combine_publish_all(sleeper_);
    hak_i_heap_drain_all(heap_);
    EXPECT_TRUE(hak_i_heap_knows_free(&machine_.heaps, block));
    EXPECT_EQ(sleeper_->finding_count + heap_->finding_count, 0u);
}

TEST_F(HeapAsleep, APurgeReachesWhatIsPendingAndEmptyAndAsksNobody)
{
    hak_heap *purging = machine_.claim();
    free_and_publish(blocks_of_sleeper());
    hak_i_heap_purge(purging);
    EXPECT_EQ(machine_.held_units(), 64 * HAK_KIB / HAK_UNIT_BYTES);
    EXPECT_EQ(slabs_of(sleeper_), 1u);
    EXPECT_FALSE(sleeper_->parted);
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapAsleep, APurgeReachesHoles)
{
    hak_heap *purging = machine_.claim();
    std::vector<void *> blocks = machine_.alloc_many(sleeper_, CLASS_64K, 8);
    std::vector<void *> freed = halve(blocks);
    free_and_publish(freed);
    EXPECT_GE(hak_i_heap_purge(purging), freed.size() * 64 * HAK_KIB);
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapAsleep, AnIdleHeapIsNotVisited)
{
    std::vector<void *> blocks = blocks_of_sleeper();
    hak_i_heap_release(sleeper_);
    hak_i_heap_enter(heap_);
    EXPECT_FALSE(hak_i_heap_begin_visit(sleeper_, heap_));
    hak_i_heap_leave(heap_);
}

TEST_F(HeapAsleep, AVisitedHeapsThreadWaitsWithSlowWorkAlone)
{
    void *at_hand = machine_.alloc(sleeper_, CLASS_16);
    machine_.free(sleeper_, at_hand);
    ASSERT_TRUE(hak_i_heap_begin_visit(sleeper_, heap_));
    EXPECT_FALSE(hak_i_heap_begin_visit(heap_, sleeper_)) << "one visit at a time";
    std::atomic<int> steps{0};
    std::thread holder([&] {
        machine_.alloc(sleeper_, CLASS_16);
        steps = 1;
        machine_.alloc(sleeper_, CLASS_4K);
        steps = 2;
    });
    while (steps == 0) {
        std::this_thread::yield();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(steps, 1);
    hak_i_heap_end_visit(sleeper_);
    holder.join();
    EXPECT_EQ(steps, 2);
}

TEST_F(HeapAsleep, WhoWorksOnAnIdleHeapWaitsForItsVisitor)
{
    blocks_of_sleeper();
    ASSERT_TRUE(hak_i_heap_begin_visit(sleeper_, heap_));
    std::atomic<bool> entered{false};
    std::thread other([&] {
        hak_i_heap_enter_idle(sleeper_);
        entered = true;
        hak_i_heap_leave(sleeper_);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(entered);
    hak_i_heap_end_visit(sleeper_);
    other.join();
}

} // namespace
