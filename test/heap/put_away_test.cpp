// SPDX-License-Identifier: MIT
// What an idle heap's stacks hold: the next holder starts with it, it is bounded, and whoever needs it gets it.
#include "base/option.h"
#include "heap/machine.h"

#include <algorithm>
#include <numeric>

using namespace hak_test;

namespace {

class HeapPutAway : public HeapTest {
protected:
    ~HeapPutAway() override { hak_i_base_options.dirty_min = dirty_min_; }

    /** An idle heap that `count` blocks of each of the classes were freed on. */
    hak_heap *leave_stacks(const std::vector<unsigned> &classes, size_t count)
    {
        hak_heap *heap = machine_.claim();
        for (unsigned class_index : classes) {
            machine_.free_all(heap, machine_.alloc_many(heap, class_index, count));
        }
        hak_i_heap_release(heap);
        EXPECT_TRUE(machine_.is_sound());
        return heap;
    }

    static size_t slab_bytes(const std::vector<unsigned> &classes)
    {
        return std::accumulate(classes.begin(), classes.end(), size_t{0},
                               [](size_t sum, unsigned i) { return sum + hak_i_slab_classes[i].slab_bytes; });
    }

    /** The number of findings that name the block, all of them taken. */
    unsigned take_findings(void *block, bool never_allocated)
    {
        unsigned named = 0;
        for (; heap_->finding_count != 0; heap_->finding_count--) {
            const hak_finding &finding = heap_->findings[heap_->finding_count - 1];
            named += finding.block == block && finding.never_allocated == never_allocated;
        }
        return named;
    }

    /** Blocks of CLASS_128, which are all that its stack holds. */
    std::vector<void *> free_twenty(hak_heap *heap)
    {
        for (int i = 0; i < 4; i++) { // so that the stack grows
            machine_.free_all(heap, machine_.alloc_many(heap, CLASS_128, 60));
        }
        std::vector<void *> blocks = machine_.alloc_many(heap, CLASS_128, stack_count(heap, CLASS_128));
        blocks.resize(20);
        machine_.free_all(heap, blocks);
        EXPECT_EQ(stack_count(heap, CLASS_128), 20u);
        return blocks;
    }

    const std::vector<unsigned> several_ = {CLASS_16, CLASS_64, CLASS_1K};
    int64_t dirty_min_ = hak_i_base_options.dirty_min;
};

TEST_F(HeapPutAway, TheNextHolderNeedsNoRefill)
{
    hak_heap *idle = leave_stacks(several_, 5);
    EXPECT_EQ(idle->put_away_bytes, slab_bytes(several_));
    EXPECT_EQ(machine_.arena.retained_bytes, slab_bytes(several_));
    ASSERT_EQ(machine_.claim(), idle);
    EXPECT_EQ(idle->put_away_bytes, 0u);
    EXPECT_EQ(machine_.arena.retained_bytes, 0u);
    uint64_t refills = idle->counts.refills;
    for (unsigned class_index : several_) {
        machine_.free_all(idle, machine_.alloc_many(idle, class_index, 5));
    }
    EXPECT_EQ(idle->counts.refills, refills);
}

TEST_F(HeapPutAway, StacksOfPoolLargerOnesAndThoseOfTwoSlabsAreFlushed)
{
    hak_heap *idle = machine_.claim();
    std::vector<void *> blocks = machine_.alloc_many(idle, CLASS_64, hak_i_slab_classes[CLASS_64].block_count + 1);
    ASSERT_NE(machine_.slab_of(blocks.front()), machine_.slab_of(blocks.back()));
    machine_.free_all(idle, {blocks.front(), blocks.back()});
    machine_.free_all(idle, machine_.alloc_many(idle, CLASS_8K, 2));
    for (int i = 0; i < 4; i++) { // so that the stack grows
        machine_.free_all(idle, machine_.alloc_many(idle, CLASS_128, 60));
    }
    ASSERT_GT(stack_count(idle, CLASS_128), 16u);
    ASSERT_NE(stack_count(idle, CLASS_64), 0u);
    ASSERT_NE(stack_count(idle, CLASS_8K), 0u);
    hak_i_heap_release(idle);
    for (unsigned class_index : {CLASS_64, CLASS_128, CLASS_8K}) {
        EXPECT_EQ(stack_count(idle, class_index), 0u);
    }
    EXPECT_EQ(idle->put_away_bytes, 0u);
}

TEST_F(HeapPutAway, AStackThatHoldsALittleMoreKeepsItsNewest)
{
    hak_heap *idle = machine_.claim();
    std::vector<void *> blocks = free_twenty(idle);
    hak_i_heap_release(idle);
    ASSERT_EQ(stack_count(idle, CLASS_128), 16u);
    EXPECT_TRUE(std::equal(blocks.end() - 16, blocks.end(), idle->stacks[CLASS_128].first));
    EXPECT_EQ(idle->stacks[CLASS_128].capacity, 16u);
    EXPECT_EQ(idle->put_away_bytes, slab_bytes({CLASS_128}));
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapPutAway, FindsABlockFreedTwiceThatIsOnWhatIsKeptAndOnWhatIsNot)
{
    std::vector<void *> blocks = free_twenty(heap_);
    push_again(heap_, CLASS_128, blocks[0]);
    hak_i_heap_put_away(heap_);
    EXPECT_EQ(take_findings(blocks[0], false), 1u);
    EXPECT_EQ(count(CLASS_128), 0u);
    hak_i_heap_release(heap_);
}

TEST_F(HeapPutAway, WhatIsNotRetainedIsFlushed)
{
    hak_i_base_options.dirty_min = static_cast<int64_t>(2 * (slab_bytes(several_) - 1)); // half may be retained
    hak_heap *idle = leave_stacks(several_, 5);
    EXPECT_EQ(idle->put_away_bytes, 0u);
    for (unsigned class_index : several_) {
        EXPECT_EQ(stack_count(idle, class_index), 0u);
    }
}

TEST_F(HeapPutAway, PurgingIdleHeapsGivesAllBack)
{
    leave_stacks(several_, 5);
    hak_i_heaps_purge_idle(&machine_.heaps);
    EXPECT_EQ(machine_.held_units(), 0u);
    EXPECT_EQ(machine_.arena.retained_bytes, 0u);
}

TEST_F(HeapPutAway, AThreadShortOfMemoryGetsTheClassItNeeds)
{
    hak_heap *idle = leave_stacks({CLASS_16, CLASS_32}, 5);
    Machine::let_rest();
    size_t held = machine_.held_units();
    std::vector<void *> blocks = alloc_many(CLASS_32, hak_i_slab_classes[CLASS_32].block_count);
    EXPECT_EQ(machine_.held_units(), held) << "the arena was asked";
    EXPECT_EQ(heap_->counts.handovers, 1u);
    EXPECT_EQ(stack_count(idle, CLASS_32), 0u);
    EXPECT_NE(stack_count(idle, CLASS_16), 0u);
    EXPECT_EQ(idle->put_away_bytes, slab_bytes({CLASS_16}));
    EXPECT_TRUE(machine_.is_sound());
    free_all(blocks);
}

TEST_F(HeapPutAway, AnIdleHeapThatIsTendedGivesAllBack)
{
    hak_heap *idle = machine_.claim();
    std::vector<void *> blocks = machine_.alloc_many(idle, CLASS_64, 4 * hak_i_slab_classes[CLASS_64].block_count);
    machine_.free_all(idle, machine_.alloc_many(idle, CLASS_16, 5));
    hak_i_heap_release(idle);
    ASSERT_NE(idle->put_away_bytes, 0u);
    free_all(blocks);
    hak_i_heap_purge(heap_);
    EXPECT_EQ(idle->put_away_bytes, 0u);
    EXPECT_EQ(stack_count(idle, CLASS_16), 0u);
}

TEST_F(HeapPutAway, ServesBeforeThereIsNoMemory)
{
    std::vector<unsigned> tiny(HAK_TINY_CLASS_COUNT);
    std::iota(tiny.begin(), tiny.end(), 0);
    hak_heap *idle = leave_stacks(tiny, 5);
    ASSERT_NE(idle->put_away_bytes, 0u);
    fake_os::fail_from(1);
    size_t blocks = 0;
    while (alloc(CLASS_256K) != nullptr) {
        blocks++; // the heap's alone
    }
    EXPECT_GE((blocks + 1) * 256 * HAK_KIB, machine_.arena.committed_units * HAK_UNIT_BYTES) << "nearly all of it";
    EXPECT_EQ(idle->put_away_bytes, 0u);
    fake_os::fail_never();
}

TEST_F(HeapPutAway, FindsABlockFreedTwice)
{
    std::vector<void *> blocks = alloc_many(CLASS_64, 5);
    free_all({blocks[0], blocks[1], blocks[2]});
    push_again(heap_, CLASS_64, blocks[0]);
    hak_i_heap_put_away(heap_);
    EXPECT_EQ(take_findings(blocks[0], false), 1u);
    EXPECT_EQ(count(CLASS_64), 0u);
    hak_i_heap_release(heap_);
    EXPECT_EQ(machine_.live_blocks(), 2u);
}

TEST_F(HeapPutAway, FindsABlockOnAStackThatAnotherThreadFreed)
{
    std::vector<void *> blocks = alloc_many(CLASS_64, 5);
    free_all({blocks[0], blocks[1], blocks[2]});
    hak_i_heap_publish(&machine_.heaps, machine_.id_at(address_of(blocks[1])), blocks[1]);
    hak_i_heap_put_away(heap_);
    EXPECT_EQ(take_findings(blocks[1], false), 1u);
    hak_i_heap_release(heap_);
}

TEST_F(HeapPutAway, FindsABlockThatTheNextHolderFreesTwice)
{
    hak_heap *idle = leave_stacks({CLASS_64}, 5);
    ASSERT_EQ(machine_.claim(), idle);
    std::vector<void *> blocks = machine_.alloc_many(idle, CLASS_64, 5);
    machine_.free_all(idle, {blocks[0], blocks[1], blocks[2], blocks[3]});
    push_again(idle, CLASS_64, blocks[0]);
    hak_i_heap_put_away(idle);
    ASSERT_EQ(idle->finding_count, 1u);
    EXPECT_EQ(idle->findings[0].block, blocks[0]);
    hak_i_heap_release(idle);
}

TEST_F(HeapPutAway, FindsABlockThatAnotherThreadFreedWhileTheNextHolderHadIt)
{
    hak_heap *idle = leave_stacks({CLASS_64}, 5);
    ASSERT_EQ(machine_.claim(), idle);
    std::vector<void *> blocks = machine_.alloc_many(idle, CLASS_64, 5);
    hak_i_heap_publish(&machine_.heaps, machine_.id_at(address_of(blocks[1])), blocks[1]);
    machine_.free_all(idle, blocks);
    hak_i_heap_put_away(idle);
    ASSERT_EQ(idle->finding_count, 1u);
    EXPECT_EQ(idle->findings[0].block, blocks[1]);
    hak_i_heap_release(idle);
}

TEST_F(HeapPutAway, AStackThatGrewOrShrankStartsAnew)
{
    leave_stacks({CLASS_64}, 5);
    hak_heap *idle = machine_.claim();
    for (unsigned class_index : {CLASS_64, CLASS_8K}) {
        machine_.free_all(idle, machine_.alloc_many(idle, class_index, 200));
        ASSERT_NE(idle->stacks[class_index].capacity, hak_i_stack_first_capacity(idle, class_index));
    }
    hak_i_heap_release(idle);
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        EXPECT_EQ(idle->stacks[i].capacity, hak_i_stack_first_capacity(idle, i)) << i;
        EXPECT_EQ(idle->stacks[i].run, 0u) << i;
    }
    EXPECT_EQ(idle->started, 0u);
}

TEST_F(HeapPutAway, WhatTheNextHolderLeavesAsItWasStays)
{
    hak_heap *idle = leave_stacks(several_, 5);
    ASSERT_EQ(machine_.claim(), idle);
    uint64_t flushed = idle->counts.flushes;
    for (unsigned class_index : several_) {
        machine_.free_all(idle, machine_.alloc_many(idle, class_index, 3)); // in another order
    }
    hak_i_heap_release(idle);
    EXPECT_EQ(idle->put_away_bytes, slab_bytes(several_));
    EXPECT_EQ(idle->counts.flushes, flushed);
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapPutAway, BlocksOfASlabThatAVisitorTookAreNotKept)
{
    hak_heap *idle = leave_stacks({CLASS_64}, 5);
    ASSERT_EQ(machine_.claim(), idle);
    ASSERT_NE(stack_count(idle, CLASS_64), 0u);
    idle->parted = true;
    ASSERT_TRUE(hak_i_heap_take_from(heap_, idle, CLASS_64, 1));
    hak_i_heap_put_away(idle);
    EXPECT_EQ(stack_count(idle, CLASS_64), 0u);
    EXPECT_EQ(idle->put_away_bytes, 0u);
    EXPECT_EQ(idle->finding_count, 0u);
    hak_i_heap_release(idle);
}

TEST_F(HeapPutAway, FindsABlockFreedTwiceWhoseSlabIsAnotherClasssByThen)
{
    hak_heap *idle = leave_stacks({CLASS_64}, 5);
    ASSERT_EQ(machine_.claim(), idle);
    std::vector<void *> blocks = machine_.alloc_many(idle, CLASS_64, stack_count(idle, CLASS_64));
    machine_.free_all(heap_, blocks);
    hak_i_combine_publish_all(heap_);
    push_again(idle, CLASS_64, blocks[0]);
    hak_slab *slab = machine_.slab_of(blocks[0]);
    void *other = machine_.alloc(idle, CLASS_128); // collects, and binds what is empty then
    ASSERT_EQ(machine_.slab_of(other), slab);
    hak_i_heap_put_away(idle);
    ASSERT_EQ(idle->finding_count, 1u);
    EXPECT_EQ(idle->findings[0].block, blocks[0]);
    EXPECT_EQ(stack_count(idle, CLASS_64), 0u);
    hak_i_heap_release(idle);
}

TEST_F(HeapPutAway, FindsABlockThatWasNeverAllocated)
{
    std::vector<void *> blocks = alloc_many(CLASS_1K, 1);
    hak_slab *slab = machine_.slab_of(blocks[0]);
    void *never = hak_i_slab_block(slab, slab->carved);
    free(never);
    hak_i_heap_put_away(heap_);
    EXPECT_EQ(take_findings(never, true), 1u);
    hak_i_heap_release(heap_);
}

TEST_F(HeapPutAway, FindsABlockWhoseSlabHasGoneBack)
{
    void *block = alloc(CLASS_32);
    free(block);
    hak_i_heap_purge(heap_);
    ASSERT_EQ(machine_.held_units(), 0u);
    push_again(heap_, CLASS_32, block);
    hak_i_heap_put_away(heap_);
    EXPECT_EQ(take_findings(block, false), 1u);
    hak_i_heap_release(heap_);
}

TEST_F(HeapPutAway, FindsABlockWhoseSlabIsAnotherClasss)
{
    void *block = alloc(CLASS_64);
    free(block);
    hak_i_heap_purge(heap_);
    std::vector<void *> blocks = alloc_many(CLASS_128, 5);
    ASSERT_EQ(blocks[0], block);
    push_again(heap_, CLASS_64, block);
    hak_i_heap_put_away(heap_);
    EXPECT_EQ(take_findings(block, false), 1u);
    hak_i_heap_release(heap_);
    EXPECT_EQ(machine_.live_blocks(), blocks.size());
}

TEST_F(HeapPutAway, ABlockFreedAgainIsFoundAtTheEndOfTheProcess)
{
    void *block = alloc(CLASS_64);
    free(block);
    hak_i_heap_release(heap_);
    EXPECT_EQ(hak_i_heaps_find_double_idle(&machine_.heaps), nullptr);
    hak_i_heap_publish(&machine_.heaps, machine_.id_at(address_of(block)), block);
    EXPECT_EQ(hak_i_heaps_find_double_idle(&machine_.heaps), block);
    machine_.slab_of(block)->remote[0] = 0;
    machine_.slab_of(block)->summary = 0;
    heap_->inbox.head = HAK_INBOX_IDLE;
}

TEST_F(HeapPutAway, AChildForgetsWhatAThreadWasAboutToLeave)
{
    hak_heap *gone = machine_.claim();
    machine_.free_all(gone, machine_.alloc_many(gone, CLASS_64, 5));
    hak_i_heap_put_away(gone);
    ASSERT_NE(gone->put_away_bytes, 0u);
    hak_i_heaps_adopt_orphans(&machine_.heaps, heap_);
    EXPECT_EQ(gone->put_away_bytes, 0u);
    EXPECT_EQ(stack_count(gone, CLASS_64), 0u);
}

} // namespace
