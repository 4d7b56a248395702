// SPDX-License-Identifier: MIT
// Blocks that pass from heap to heap without going home.
#include <thread>

#include "heap/machine.h"

using namespace hak_test;

namespace {

class HeapDepot : public HeapTest {
protected:
    /** Another heap allocates from the class, and frees so many of this heap's blocks. */
    std::vector<void *> pass(unsigned class_index, size_t count)
    {
        own_.push_back(machine_.alloc(other_, class_index));
        while (void *block = hak_i_heap_pop(&other_->hot.bins[class_index])) {
            own_.push_back(block);
        }
        std::vector<void *> blocks = alloc_many(class_index, count);
        machine_.free_all(other_, blocks);
        return blocks;
    }
    unsigned passed(unsigned class_index) { return static_cast<unsigned>(machine_.passed(class_index).size()); }
    void look()
    {
        hak_i_heap_enter(heap_);
        hak_i_depot_look(heap_, CLASS_8K);
        hak_i_heap_leave(heap_);
    }
    void give_back_own()
    {
        machine_.free_all(other_, own_);
        own_.clear();
    }

    hak_heap *other_ = machine_.claim();
    std::vector<void *> own_;
};

TEST_F(HeapDepot, HoldsWhatAFullStackPassesOn)
{
    pass(CLASS_8K, 100);
    EXPECT_GT(passed(CLASS_8K), 0u);
    EXPECT_LE(passed(CLASS_8K), unsigned{HAK_DEPOT_SLOTS});
    EXPECT_LE(stack_count(other_, CLASS_8K), other_->stacks[CLASS_8K].capacity);
    EXPECT_EQ(passed(CLASS_8K) + stack_count(other_, CLASS_8K) + other_->counts.remote_frees, 100u);
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapDepot, ServesAnyHeapBeforeFreshMemory)
{
    pass(CLASS_8K, 40);
    std::vector<void *> there = machine_.passed(CLASS_8K);
    ASSERT_FALSE(there.empty());
    hak_heap *third = machine_.claim();
    size_t held = machine_.held_units();
    std::vector<void *> blocks = machine_.alloc_many(third, CLASS_8K, there.size());
    EXPECT_EQ(std::set<void *>(blocks.begin(), blocks.end()), std::set<void *>(there.begin(), there.end()));
    EXPECT_EQ(machine_.held_units(), held);
    EXPECT_EQ(passed(CLASS_8K), 0u);
    machine_.free_all(third, blocks);
}

TEST_F(HeapDepot, HoldsNoMoreThanALargestStack)
{
    pass(CLASS_256K, 100);
    EXPECT_EQ(passed(CLASS_256K), unsigned{hak_i_slab_classes[CLASS_256K].most_slots});
    EXPECT_GT(other_->counts.remote_frees, 0u) << "the rest goes home";
}

TEST_F(HeapDepot, IsNotForAHeapsOwnBlocks)
{
    free_all(alloc_many(CLASS_8K, 500));
    EXPECT_EQ(machine_.heaps.passed, 0u);
    EXPECT_GT(heap_->counts.flushes, 0u);
}

TEST_F(HeapDepot, IsNotForAHeapThatOnlyFrees)
{
    machine_.free_all(other_, alloc_many(CLASS_8K, 100));
    EXPECT_EQ(machine_.heaps.passed, 0u);
    EXPECT_EQ(other_->counts.remote_frees, 100u);
}

TEST_F(HeapDepot, IsLeftAloneWhileAnotherThreadIsAtIt)
{
    pass(CLASS_8K, 40);
    unsigned there = passed(CLASS_8K);
    hak_depot &depot = machine_.heaps.depots[CLASS_8K - HAK_TINY_CLASS_COUNT];
    depot.open = true;
    uint64_t sent = other_->counts.remote_frees;
    void *block = machine_.alloc(machine_.claim(), CLASS_8K);
    EXPECT_EQ(depot.count, there) << "a refill goes on without";
    machine_.free(other_, block);
    machine_.free_all(other_, alloc_many(CLASS_8K, 100));
    EXPECT_EQ(depot.count, there);
    hak_i_heap_purge(other_);
    EXPECT_GT(other_->counts.remote_frees, sent);
    depot.open = false;
    EXPECT_EQ(passed(CLASS_8K), there);
}

TEST_F(HeapDepot, IsEmptiedByAThreadThatEnds)
{
    pass(CLASS_8K, 40);
    pass(CLASS_4K, 100);
    ASSERT_GT(passed(CLASS_8K), 0u);
    ASSERT_GT(passed(CLASS_4K), 0u);
    give_back_own();
    hak_i_heap_release(other_);
    EXPECT_EQ(passed(CLASS_8K), 0u);
    EXPECT_EQ(passed(CLASS_4K), 0u);
    hak_i_heap_purge(heap_);
    hak_i_heaps_purge_idle(&machine_.heaps);
    EXPECT_EQ(machine_.held_units(), 0u);
}

TEST_F(HeapDepot, APurgeSendsAllHomeWhoeverCallsForIt)
{
    pass(CLASS_8K, 40);
    ASSERT_GT(passed(CLASS_8K), 0u);
    hak_i_heap_purge(heap_);
    EXPECT_EQ(passed(CLASS_8K), 0u);
    EXPECT_EQ(heap_->counts.remote_frees, 0u) << "they were its own";
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapDepot, WhatNobodyWantsGoesHome)
{
    pass(CLASS_8K, 40);
    ASSERT_GT(passed(CLASS_8K), 0u);
    look();
    EXPECT_EQ(passed(CLASS_8K), 0u);
    pass(CLASS_8K, 100);
    void *block = nullptr;
    ASSERT_EQ(hak_i_depot_take(&machine_.heaps, CLASS_8K, &block + 1, 1), 1u);
    unsigned there = passed(CLASS_8K);
    ASSERT_GT(there, 0u);
    look();
    EXPECT_EQ(passed(CLASS_8K), there) << "it was wanted";
    look();
    EXPECT_EQ(passed(CLASS_8K), 0u);
    machine_.free(other_, block);
}

TEST_F(HeapDepot, IsLookedAtWithTheStacks)
{
    pass(CLASS_8K, 40);
    ASSERT_GT(passed(CLASS_8K), 0u);
    for (unsigned i = 0; i < 2 * 32 * HAK_CLASS_COUNT; i++) {
        void *block = hak_i_heap_alloc(heap_, CLASS_64);
        free(block);
        hak_i_stacks_tick(heap_);
        hak_i_stack_flush(heap_, CLASS_64);
    }
    EXPECT_EQ(passed(CLASS_8K), 0u);
}

TEST_F(HeapDepot, AChildGoesOnWithWhatWasThere)
{
    pass(CLASS_8K, 40);
    std::vector<void *> there = machine_.passed(CLASS_8K);
    ASSERT_FALSE(there.empty());
    hak_i_heaps_adopt_orphans(&machine_.heaps, heap_);
    hak_i_stack_flush(heap_, CLASS_8K);
    EXPECT_EQ(std::count(there.begin(), there.end(), machine_.alloc(heap_, CLASS_8K)), 1);
}

TEST_F(HeapDepot, ADoubleFreeIsFoundAtTheEndOfTheProcess)
{
    pass(CLASS_8K, 40);
    std::vector<void *> there = machine_.passed(CLASS_8K);
    ASSERT_GT(there.size(), 1u);
    EXPECT_EQ(hak_i_heaps_find_double_passed(&machine_.heaps), nullptr);
    hak_depot &depot = machine_.heaps.depots[CLASS_8K - HAK_TINY_CLASS_COUNT];
    depot.blocks[0] = there[1];
    EXPECT_EQ(hak_i_heaps_find_double_passed(&machine_.heaps), there[1]) << "there twice";
    depot.blocks[0] = there[0];
    hak_i_heap_publish(&machine_.heaps, machine_.id_at(address_of(there[0])), there[0]);
    EXPECT_EQ(hak_i_heaps_find_double_passed(&machine_.heaps), there[0]) << "pending, too";
    ASSERT_EQ(hak_i_depot_take(&machine_.heaps, CLASS_8K, there.data() + there.size(), HAK_DEPOT_SLOTS), there.size());
    hak_i_depot_put(&machine_.heaps, CLASS_8K, there.data() + 1, static_cast<unsigned>(there.size()) - 1);
}

/* Threads that fill and clear one live set in turn, so that each often has more to free than its stack holds. */
TEST_F(HeapDepot, EachBlockIsInOneHandOfManyThreads)
{
    constexpr unsigned THREADS = 4, ROUNDS = 1000, LIVE = 128;
    std::vector<std::atomic<size_t *>> live(LIVE);
    std::vector<std::thread> threads;
    auto drop = [&](hak_heap *heap, size_t *old) {
        if (old != nullptr) {
            EXPECT_EQ(*old, address_of(old)) << "written by another that has it, too";
            *old = 0;
            machine_.free(heap, old);
        }
    };
    auto fill = [&](hak_heap *heap) {
        for (auto &place : live) {
            auto *fresh = static_cast<size_t *>(machine_.alloc(heap, CLASS_8K));
            *fresh = address_of(fresh);
            drop(heap, place.exchange(fresh));
        }
    };
    for (unsigned t = 0; t < THREADS; t++) {
        threads.emplace_back([&] {
            hak_heap *heap = machine_.claim();
            for (unsigned i = 0; i < ROUNDS; i++) {
                fill(heap);
                std::this_thread::yield();
                std::for_each(live.begin(), live.end(), [&](auto &place) { drop(heap, place.exchange(nullptr)); });
            }
            hak_i_heap_release(heap);
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_NE(machine_.heaps.passed, 0u);
    std::for_each(live.begin(), live.end(), [&](auto &place) { drop(heap_, place.load()); });
    EXPECT_TRUE(machine_.is_sound());
    hak_i_heap_purge(heap_);
    hak_i_heaps_purge_idle(&machine_.heaps);
    hak_i_heap_purge(heap_);
    hak_i_heap_purge(other_);
    EXPECT_EQ(machine_.held_units(), 0u);
}

} // namespace
