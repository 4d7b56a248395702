// SPDX-License-Identifier: MIT
// One heap and its slabs: what is kept, what goes back, what a program's double free does.
#include "base/option.h"
#include "heap/machine.h"

#include <algorithm>
#include <cstring>

using namespace hak_test;

namespace {

class Heap : public HeapTest {
protected:
    size_t blocks_of_slabs(unsigned class_index, size_t slabs)
    {
        return slabs * hak_i_slab_classes[class_index].block_count;
    }
};

TEST_F(Heap, EveryClassGivesDistinctBlocksThatKeepTheirContent)
{
    std::map<char *, size_t> blocks;
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        for (int n = 0; n < 40; n++) {
            size_t bytes = hak_i_slab_classes[i].block_bytes;
            char *block = static_cast<char *>(alloc(i));
            ASSERT_NE(block, nullptr);
            memset(block, static_cast<int>(i + 1), bytes);
            ASSERT_TRUE(blocks.emplace(block, bytes).second);
        }
    }
    for (auto block = blocks.begin(); std::next(block) != blocks.end(); ++block) {
        ASSERT_LE(block->first + block->second, std::next(block)->first) << "blocks overlap";
    }
    for (auto [block, bytes] : blocks) {
        ASSERT_EQ(block[0], block[bytes - 1]);
        free(block);
    }
    EXPECT_EQ(machine_.live_blocks(), 0u);
}

TEST_F(Heap, NoBlockIsLostOverALongRandomRun)
{
    std::mt19937_64 random = random_numbers("Heap.NoBlockIsLostOverALongRandomRun");
    std::vector<std::pair<void *, uint64_t>> live;
    for (int phase = 0; phase < 40; phase++) {
        uint64_t classes = random() % 3 == 0 ? HAK_CLASS_COUNT : 1 + random() % HAK_TINY_CLASS_COUNT;
        uint64_t wish = random() % 100;
        for (int step = 0; step < 4000; step++) {
            if (random() % 100 < wish && live.size() < 20000) {
                void *block = alloc(static_cast<unsigned>(random() % classes));
                live.emplace_back(block, random());
                memcpy(block, &live.back().second, 8);
            } else if (!live.empty()) {
                std::swap(live[random() % live.size()], live.back());
                ASSERT_EQ(memcmp(live.back().first, &live.back().second, 8), 0);
                free(live.back().first);
                live.pop_back();
            }
        }
        ASSERT_EQ(machine_.live_blocks(), live.size());
        ASSERT_TRUE(machine_.is_sound());
    }
    ASSERT_EQ(heap_->finding_count, 0u);
    for (auto &block : live) {
        free(block.first);
    }
    hak_i_heap_purge(heap_);
    EXPECT_EQ(machine_.held_units(), 0u);
}

/* -------------------------------------------------------------------------------------------------- empty slabs ----
 */

TEST_F(Heap, KeepsUpTo8EmptySlabsForAnyClass)
{
    free_all(alloc_many(CLASS_64, blocks_of_slabs(CLASS_64, 20)));
    hak_i_heap_purge(heap_);
    free_all(alloc_many(CLASS_64, blocks_of_slabs(CLASS_64, 20)));
    EXPECT_LE(heap_->empty_count, unsigned{HAK_HEAP_EMPTIES});
    EXPECT_GT(heap_->empty_count, unsigned{HAK_HEAP_EMPTIES} / 4);
    size_t held = machine_.held_units();
    alloc_many(CLASS_128, blocks_of_slabs(CLASS_128, heap_->empty_count));
    EXPECT_EQ(heap_->empty_count, 0u);
    EXPECT_EQ(machine_.held_units(), held) << "the arena was not asked";
}

TEST_F(Heap, KeepsAQuarterOfTheEmptySlabsWhenTheOthersGoBack)
{
    bool full = false;
    unsigned least = HAK_HEAP_EMPTIES;
    for (void *block : alloc_many(CLASS_64, blocks_of_slabs(CLASS_64, 40))) {
        free_all({block});
        full |= heap_->empty_count == HAK_HEAP_EMPTIES;
        least = full ? std::min(least, heap_->empty_count) : least;
    }
    EXPECT_EQ(least, unsigned{HAK_HEAP_EMPTIES} / 4 + 1) << "and the one that did not fit";
}

TEST_F(Heap, TakesASixteenthOfWhatItHasAtOnce)
{
    std::vector<void *> few = alloc_many(CLASS_64, blocks_of_slabs(CLASS_64, 15));
    EXPECT_EQ(heap_->empty_count, 0u);
    EXPECT_EQ(machine_.arena.retained_bytes, 0u);
    std::vector<void *> many = alloc_many(CLASS_64, blocks_of_slabs(CLASS_64, 150));
    bool row = false;
    for (size_t i = 0; i < blocks_of_slabs(CLASS_64, 16); i++) {
        many.push_back(alloc(CLASS_64));
        row |= heap_->empty_count == HAK_HEAP_EMPTIES;
        ASSERT_EQ(machine_.arena.retained_bytes, heap_->empty_count * size_t{HAK_EMPTY_BYTES});
    }
    EXPECT_TRUE(row);
    EXPECT_TRUE(machine_.is_sound());
    free_all(few);
    free_all(many);
}

TEST_F(Heap, TakesNoMoreThanItNeedsWhereNothingMayBeRetained)
{
    hak_options options = hak_i_base_options;
    hak_i_base_options.dirty_min = 0;
    std::vector<void *> blocks = alloc_many(CLASS_64, blocks_of_slabs(CLASS_64, 200));
    EXPECT_EQ(heap_->empty_count, 0u);
    EXPECT_LE(machine_.held_units(), 201 * HAK_EMPTY_BYTES / HAK_UNIT_BYTES);
    free_all(blocks);
    hak_i_base_options = options;
}

TEST_F(Heap, KeepsOneEmptySlabOfAClassWhoseSlabsFitNoOther)
{
    for (unsigned class_index : {CLASS_32, CLASS_16K, CLASS_64K}) {
        std::vector<void *> blocks = alloc_many(class_index, blocks_of_slabs(class_index, 40));
        hak_slab *first = machine_.slab_of(blocks.front());
        free_all(blocks);
        hak_slab *kept = stack(class_index).kept;
        ASSERT_NE(kept, nullptr);
        EXPECT_TRUE(hak_i_slab_is_empty(kept));
        EXPECT_EQ(kept, first) << "the one that became empty first";
    }
    EXPECT_EQ(heap_->empty_count, 0u);
}

TEST_F(Heap, AKeptSlabServesTheNextNeed)
{
    free_all(alloc_many(CLASS_64K, 64));
    hak_slab *kept = stack(CLASS_64K).kept;
    ASSERT_NE(kept, nullptr);
    size_t held = machine_.held_units();
    while (stack(CLASS_64K).kept != nullptr) {
        ASSERT_NE(alloc(CLASS_64K), nullptr);
    }
    EXPECT_FALSE(kept->retained);
    EXPECT_EQ(machine_.held_units(), held);
}

TEST_F(Heap, BlocksComeFromTheLowestSlabWithRoom)
{
    std::mt19937_64 random = random_numbers("Heap.BlocksComeFromTheLowestSlabWithRoom");
    constexpr size_t slabs = 100;
    const size_t per_slab = hak_i_slab_classes[CLASS_1K].block_count;
    std::vector<void *> blocks = alloc_many(CLASS_1K, slabs * per_slab);
    std::vector<void *> freed;
    for (size_t i = 0; i < slabs; i++) {
        freed.push_back(blocks[i * per_slab + random() % per_slab]);
    }
    std::shuffle(freed.begin(), freed.end(), random);
    free_all(freed);
    hak_i_heap_purge(heap_);
    std::sort(freed.begin(), freed.end());
    for (void *lowest : freed) {
        EXPECT_EQ(alloc(CLASS_1K), lowest);
    }
}

TEST_F(Heap, PurgeGivesEverythingBackWhenNothingIsLive)
{
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        free_all(alloc_many(i, 100));
    }
    hak_i_heap_purge(heap_);
    EXPECT_EQ(machine_.held_units(), 0u);
    EXPECT_EQ(heap_->slab_bytes, 0u);
    EXPECT_EQ(machine_.arena.retained_bytes, 0u);
}

/** Slabs whose last block another thread frees. */
class HeapEmptiedByOthers : public Heap {
protected:
    /** Ten slabs, each with one live block; another thread frees those. */
    void empty_slabs(unsigned class_index)
    {
        std::vector<void *> blocks = alloc_many(class_index, blocks_of_slabs(class_index, 10));
        std::vector<void *> last;
        std::map<hak_slab *, void *> by_slab;
        for (void *block : blocks) {
            if (by_slab.emplace(machine_.slab_of(block), block).second) {
                last.push_back(block);
            } else {
                free(block);
            }
        }
        hak_i_heap_purge(heap_);
        hak_heap *other = machine_.claim();
        machine_.free_all(other, last);
        hak_i_heap_release(other);
    }
};

TEST_F(HeapEmptiedByOthers, PurgeGivesThemBack)
{
    for (unsigned class_index : {CLASS_32, CLASS_64, CLASS_8K}) {
        empty_slabs(class_index);
        free(alloc(class_index)); // a refill, which drains
        hak_i_heap_purge(heap_);
        EXPECT_EQ(machine_.held_units(), 0u) << "class of " << hak_i_slab_classes[class_index].block_bytes;
    }
}

TEST_F(HeapEmptiedByOthers, AreCountedAsRetainedOrGivenBack)
{
    for (unsigned class_index : {CLASS_32, CLASS_64, CLASS_8K}) {
        empty_slabs(class_index);
        alloc(class_index);
        unsigned forgotten = 0;
        machine_.for_each_bound_slab(
            [&](hak_slab *slab) { forgotten += hak_i_slab_is_empty(slab) && !slab->retained && slab->summary == 0; });
        EXPECT_EQ(forgotten, 0u) << "class of " << hak_i_slab_classes[class_index].block_bytes;
    }
}

TEST_F(HeapEmptiedByOthers, ReleaseLeavesNothingBehind)
{
    empty_slabs(CLASS_64);
    free(alloc(CLASS_64));
    hak_i_heap_release(heap_);
    hak_i_heaps_purge_idle(&machine_.heaps);
    EXPECT_EQ(machine_.held_units(), 0u);
}

/* ------------------------------------------------------------------------------------------------- clean blocks ----
 */

TEST_F(Heap, ACleanBlockReadsAsZero)
{
    for (unsigned class_index : {CLASS_4K, CLASS_8K, CLASS_64K}) {
        size_t bytes = hak_i_slab_classes[class_index].block_bytes;
        for (int i = 0; i < 20; i++) {
            char *block = static_cast<char *>(hak_i_heap_alloc_clean(heap_, class_index));
            if (block == nullptr) {
                block = static_cast<char *>(alloc(class_index));
            } else {
                ASSERT_EQ(std::count(block, block + bytes, 0), static_cast<ptrdiff_t>(bytes));
            }
            memset(block, 0x77, bytes);
            if (i % 3 == 0) {
                free(block);
            }
        }
    }
}

/* ------------------------------------------------------------------------------------------------- double frees ----
 */

class HeapDoubleFree : public Heap {
protected:
    /** The number of findings that name the block, all of them taken. */
    unsigned take_findings(void *block)
    {
        unsigned named = 0;
        for (; heap_->finding_count != 0; heap_->finding_count--) {
            const hak_finding &finding = heap_->findings[heap_->finding_count - 1];
            named += finding.block == block && !finding.never_allocated;
        }
        return named;
    }
};

TEST_F(HeapDoubleFree, TheFastPathRefusesTheTwoBlocksFreedLast)
{
    std::vector<void *> blocks = alloc_many(CLASS_64, 3);
    size_t scaled_class = CLASS_64 * HAK_BIN_BYTES;
    for (void *block : blocks) {
        EXPECT_TRUE(hak_i_heap_push(&heap_->hot, block, scaled_class));
    }
    EXPECT_FALSE(hak_i_heap_push(&heap_->hot, blocks[2], scaled_class));
    EXPECT_FALSE(hak_i_heap_push(&heap_->hot, blocks[1], scaled_class));
    EXPECT_FALSE(hak_i_heap_push(&heap_->hot, static_cast<char *>(blocks[0]) + 8, scaled_class));
    EXPECT_FALSE(hak_i_heap_push(&heap_->hot, static_cast<char *>(blocks[0]) + 1, scaled_class));
}

TEST_F(HeapDoubleFree, IsFoundOnTheStacksAtRest)
{
    std::vector<void *> blocks = alloc_many(CLASS_64, 5);
    free_all(blocks);
    EXPECT_EQ(hak_i_heap_find_double(heap_), nullptr);
    push_again(heap_, CLASS_64, blocks[1]);
    EXPECT_EQ(hak_i_heap_find_double(heap_), blocks[1]);
    alloc(CLASS_64);
    EXPECT_EQ(hak_i_heap_find_double(heap_), nullptr);
}

TEST_F(HeapDoubleFree, IsFoundAtTheFlush)
{
    std::vector<void *> blocks = alloc_many(CLASS_64, 6);
    free_all({blocks[0], blocks[1], blocks[2]});
    push_again(heap_, CLASS_64, blocks[0]);
    hak_i_heap_purge(heap_);
    EXPECT_EQ(take_findings(blocks[0]), 1u);
    EXPECT_TRUE(machine_.is_sound());
    EXPECT_EQ(machine_.live_blocks(), 3u);
}

TEST_F(HeapDoubleFree, IsFoundWhenItsSlabHasGoneBack)
{
    std::vector<void *> blocks = alloc_many(CLASS_32, 3);
    free_all(blocks);
    hak_i_heap_purge(heap_);
    ASSERT_EQ(machine_.held_units(), 0u);
    push_again(heap_, CLASS_32, blocks[1]);
    hak_i_heap_purge(heap_);
    EXPECT_EQ(take_findings(blocks[1]), 1u);
}

TEST_F(HeapDoubleFree, IsFoundWhenItsSlabGoesBackInTheSameFlush)
{
    for (unsigned class_index : {CLASS_32, CLASS_64}) {
        std::vector<void *> blocks = alloc_many(class_index, hak_i_slab_classes[class_index].block_count);
        void *doubled = blocks[100];
        free_all(blocks);
        hak_i_heap_purge(heap_);
        void *last = alloc(class_index);
        std::vector<void *> held = alloc_many(class_index, 150);
        ASSERT_NE(std::find(held.begin(), held.end(), doubled), held.end()) << "same slab, same order";
        free_all(held);
        hak_i_heap_purge(heap_);
        free(last);
        push_again(heap_, class_index, doubled); // in another word than `last`, which empties the slab
        hak_i_heap_purge(heap_);
        EXPECT_EQ(take_findings(doubled), 1u);
        EXPECT_TRUE(machine_.is_sound());
        EXPECT_EQ(machine_.held_units(), 0u);
    }
}

TEST_F(HeapDoubleFree, BitsTellWhatIsFree)
{
    std::vector<void *> blocks = alloc_many(CLASS_64, 2);
    EXPECT_FALSE(hak_i_heap_knows_free(&machine_.heaps, blocks[0]));
    free(blocks[0]);
    EXPECT_FALSE(hak_i_heap_knows_free(&machine_.heaps, blocks[0])) << "stacks are not looked at";
    hak_i_heap_purge(heap_);
    EXPECT_TRUE(hak_i_heap_knows_free(&machine_.heaps, blocks[0]));
    EXPECT_FALSE(hak_i_heap_publish(&machine_.heaps, machine_.id_at(address_of(blocks[1])), blocks[1]));
    EXPECT_TRUE(hak_i_heap_knows_free(&machine_.heaps, blocks[1]));
    EXPECT_TRUE(hak_i_heap_publish(&machine_.heaps, machine_.id_at(address_of(blocks[1])), blocks[1]));
}

} // namespace
