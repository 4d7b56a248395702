// SPDX-License-Identifier: MIT
// The system refuses its n-th call, for every n: what was asked for fails, and everything goes on.
#include "heap/machine.h"

#include <cstring>
#include <memory>

using namespace hak_test;

namespace {

/** One machine, some classes, two heaps; counts what was refused and looks at everything in the end. */
void run_scenario()
{
    std::unique_ptr<Machine> machine;
    try {
        machine = std::make_unique<Machine>();
    } catch (const std::runtime_error &) {
        ASSERT_NE(fake_os::failures(), 0u);
        return;
    }
    hak_heap *heap = machine->claim();
    hak_heap *other = machine->claim();
    if (heap == nullptr || other == nullptr) {
        ASSERT_NE(fake_os::failures(), 0u);
        heap = heap != nullptr ? heap : machine->claim();
        other = other != nullptr ? other : machine->claim();
        ASSERT_TRUE(heap != nullptr && other != nullptr) << "one refusal only";
    }
    std::vector<void *> live;
    size_t refused = 0;
    for (unsigned class_index : {CLASS_16, CLASS_64, CLASS_1K, CLASS_8K, CLASS_64K, CLASS_256K}) {
        for (int i = 0; i < 40; i++) {
            void *block = machine->alloc(heap, class_index);
            refused += block == nullptr;
            if (block != nullptr) {
                memset(block, 0x5A, 16);
                live.push_back(block);
            }
        }
    }
    for (int i = 0; i < 3000; i++) { // a class that swings wants larger stacks
        void *block = machine->alloc(heap, CLASS_64);
        refused += block == nullptr;
        if (block != nullptr) {
            live.push_back(block);
        }
    }
    ASSERT_LE(refused, fake_os::failures());
    ASSERT_EQ(machine->live_blocks(), live.size());
    ASSERT_TRUE(machine->is_sound());
    for (size_t i = 0; i < live.size(); i++) {
        machine->free(i % 3 == 0 ? other : heap, live[i]);
    }
    ASSERT_EQ(machine->live_blocks(), 0u);
    ASSERT_TRUE(machine->is_sound());
    hak_i_heap_release(other);
    hak_i_heap_purge(heap);
    hak_i_arena_purge(&machine->arena);
    ASSERT_EQ(machine->held_units(), 0u);
    ASSERT_TRUE(machine->is_sound());
    ASSERT_NE(machine->alloc(heap, CLASS_256K), nullptr) << "usable again";
    ASSERT_EQ(heap->finding_count + other->finding_count, 0u);
}

TEST(HeapExhaustion, EveryRefusedCallIsSurvived)
{
    size_t runs = fake_os::fail_each_call([] {
        ASSERT_FALSE(testing::Test::HasFatalFailure());
        run_scenario();
    });
    EXPECT_GT(runs, 10u);
}

TEST(HeapExhaustion, WithoutMemoryEveryClassFailsAndComesBackLater)
{
    FreshOs os;
    Machine machine;
    hak_heap *heap = machine.claim();
    fake_os::fail_from(1);
    std::vector<void *> blocks;
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        while (void *block = machine.alloc(heap, i)) {
            blocks.push_back(block);
        }
    }
    EXPECT_TRUE(machine.is_sound());
    EXPECT_EQ(machine.live_blocks(), blocks.size());
    while (machine.claim() != nullptr) {
    }
    EXPECT_TRUE(machine.is_sound());
    fake_os::fail_never();
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        EXPECT_NE(machine.alloc(heap, i), nullptr);
    }
    EXPECT_TRUE(machine.is_sound());
}

TEST(HeapExhaustion, WhatTheHeapKeepsIsGivenBackBeforeThereIsNoMemory)
{
    FreshOs os;
    Machine machine;
    hak_heap *heap = machine.claim();
    std::vector<void *> blocks;
    while (machine.arena.committed_units < 16 * HAK_MIB / HAK_UNIT_BYTES) {
        blocks.push_back(machine.alloc(heap, CLASS_64));
    }
    fake_os::fail_from(1);
    while (void *block = machine.alloc(heap, CLASS_64)) {
        blocks.push_back(block);
    }
    machine.free_all(heap, blocks);
    EXPECT_NE(heap->empty_count, 0u);
    size_t large = 0;
    while (machine.alloc(heap, CLASS_256K) != nullptr) {
        large++;
    }
    EXPECT_GE(large, 4 * (machine.arena.committed_units * HAK_UNIT_BYTES / HAK_MIB) - 8)
        << "nearly all memory serves the other class";
    EXPECT_TRUE(machine.is_sound());
}

} // namespace
