// SPDX-License-Identifier: MIT
// Many blocks at once: what hak_i_heap_pop_many(), _push_many() and _alloc_many() do to stacks and slabs.
#include "heap/machine.h"

using namespace hak_test;

namespace {

class HeapBatch : public HeapTest {
protected:
    /** Pops what is there and fetches the rest, as the front does. */
    std::vector<void *> take(unsigned class_index, size_t count)
    {
        std::vector<void *> blocks(count);
        size_t taken = hak_i_heap_pop_many(heap_, class_index, blocks.data(), count);
        while (taken < count) {
            size_t came = hak_i_heap_alloc_many(heap_, class_index, blocks.data() + taken, count - taken);
            EXPECT_GT(came, 0u);
            EXPECT_LE(came, size_t{HAK_BATCH_MAX});
            taken += came;
        }
        return blocks;
    }

    /** How many of the blocks are taken before one is refused. */
    size_t push_many(unsigned class_index, const std::vector<void *> &blocks)
    {
        return hak_i_heap_push_many(&heap_->hot, class_index * HAK_BIN_BYTES, blocks.data(), blocks.size());
    }

    unsigned room(unsigned class_index)
    {
        const hak_bin &bin = heap_->hot.bins[class_index];
        return static_cast<unsigned>(bin.full - bin.top);
    }
};

TEST_F(HeapBatch, EveryCountLeavesEachBlockInOnePlace)
{
    for (unsigned class_index : {CLASS_16, CLASS_64, CLASS_1K, CLASS_8K, CLASS_256K}) {
        for (size_t count = 1; count < 150; count += 7) {
            std::vector<void *> blocks = take(class_index, count);
            ASSERT_EQ(std::set<void *>(blocks.begin(), blocks.end()).size(), count);
            ASSERT_EQ(machine_.live_blocks(), count);
            ASSERT_TRUE(machine_.is_sound());
            free_all(blocks);
            ASSERT_TRUE(machine_.is_sound());
        }
    }
    EXPECT_EQ(machine_.live_blocks(), 0u);
}

TEST_F(HeapBatch, PoppingStopsWhereTheStackEnds)
{
    std::vector<void *> blocks = take(CLASS_64, 10);
    free_all(blocks);
    unsigned there = stack_count(heap_, CLASS_64);
    std::vector<void *> popped(there + 5, nullptr);
    EXPECT_EQ(hak_i_heap_pop_many(heap_, CLASS_64, popped.data(), popped.size()), there);
    EXPECT_EQ(popped[0], blocks[9]);
    EXPECT_EQ(popped[9], blocks[0]);
    EXPECT_EQ(popped[there], nullptr);
    EXPECT_EQ(hak_i_heap_pop_many(heap_, CLASS_64, popped.data(), 1), 0u);
}

TEST_F(HeapBatch, ALargeWishIsFetchedPastTheStack)
{
    void *blocks[200];
    EXPECT_EQ(hak_i_heap_alloc_many(heap_, CLASS_64, blocks, 200), size_t{HAK_BATCH_MAX});
    EXPECT_EQ(stack_count(heap_, CLASS_64), 0u);
    EXPECT_EQ(hak_i_heap_alloc_many(heap_, CLASS_64, blocks, 3), 3u);
    EXPECT_NE(stack_count(heap_, CLASS_64), 0u);
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapBatch, PushingStopsWhereTheStackIsFull)
{
    std::vector<void *> blocks = take(CLASS_64, 100);
    unsigned there = room(CLASS_64);
    ASSERT_LT(there, 100u);
    EXPECT_EQ(push_many(CLASS_64, blocks), there);
    EXPECT_EQ(room(CLASS_64), 0u);
    EXPECT_EQ(push_many(CLASS_64, {blocks[99]}), 0u);
    EXPECT_TRUE(machine_.is_sound());
}

TEST_F(HeapBatch, PushingStopsAtWhatIsNoBlockOfTheClassAndHeap)
{
    hak_heap *other = machine_.claim();
    int foreign = 0;
    void *strangers[] = {nullptr,
                         &foreign,
                         static_cast<char *>(alloc(CLASS_64)) + 16,
                         alloc(CLASS_128),
                         alloc(CLASS_256K),
                         machine_.alloc(other, CLASS_64),
                         reinterpret_cast<void *>(UINTPTR_MAX)};
    for (void *stranger : strangers) {
        for (size_t place = 0; place < 9; place++) {
            std::vector<void *> batch = take(CLASS_64, 9);
            std::vector<void *> blocks = batch;
            batch[place] = stranger;
            EXPECT_EQ(push_many(CLASS_64, batch), place);
            EXPECT_TRUE(machine_.is_sound());
            free_all({blocks.begin() + static_cast<long>(place), blocks.end()});
        }
    }
}

TEST_F(HeapBatch, PushingStopsAtEitherOfTheTwoTopmost)
{
    for (size_t distance : {1, 2}) {
        for (size_t place = 0; place < 7; place++) {
            std::vector<void *> blocks = take(CLASS_64, 10);
            std::vector<void *> batch = blocks;
            batch[place + distance] = batch[place];
            EXPECT_EQ(push_many(CLASS_64, batch), place + distance);
            EXPECT_TRUE(machine_.is_sound());
            free_all({blocks.begin() + static_cast<long>(place + distance), blocks.end()});
        }
    }
}

} // namespace
