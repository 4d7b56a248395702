// SPDX-License-Identifier: MIT
// Frees of another heap's blocks: gathered per word, published together, doubles named.
#include "heap/machine.h"

using namespace hak_test;

namespace {

class HeapCombine : public HeapTest {
protected:
    uint64_t remote_frees() const { return other_->counts.remote_frees; }
    uint64_t publications() const { return other_->counts.publications; }
    bool is_published(void *block) { return hak_i_heap_knows_free(&machine_.heaps, block); }
    void free_by_other(void *block) { machine_.free(other_, block); }

    hak_heap *other_ = machine_.claim();
};

TEST_F(HeapCombine, NeighboursCostAtMostOnePublicationIn8Frees)
{
    for (unsigned i = 0; hak_i_slab_classes[i].block_bytes <= 2048; i++) {
        std::vector<void *> blocks = alloc_many(i, 3 * hak_i_slab_classes[i].block_count);
        uint64_t frees = remote_frees(), calls = publications();
        machine_.free_all(other_, blocks);
        hak_i_heap_purge(other_);
        EXPECT_EQ(remote_frees() - frees, blocks.size());
        EXPECT_LE((publications() - calls) * 8, blocks.size()) << "class of " << hak_i_slab_classes[i].block_bytes;
    }
}

TEST_F(HeapCombine, TheOrderOfNeighboursDoesNotMatter)
{
    std::mt19937_64 random = random_numbers("HeapCombine.TheOrderOfNeighboursDoesNotMatter");
    std::vector<void *> blocks = alloc_many(CLASS_64, 1024);
    std::shuffle(blocks.begin(), blocks.end(), random);
    machine_.free_all(other_, blocks);
    hak_i_heap_purge(other_);
    EXPECT_EQ(remote_frees(), blocks.size());
    EXPECT_LE(publications() * 8, blocks.size());
}

TEST_F(HeapCombine, PublishesWhatHolds16KiB)
{
    std::vector<void *> blocks = alloc_many(CLASS_4K, 4);
    for (void *block : blocks) {
        EXPECT_EQ(publications(), 0u);
        EXPECT_FALSE(is_published(blocks[0]));
        free_by_other(block);
    }
    EXPECT_EQ(publications(), 1u);
    EXPECT_TRUE(is_published(blocks[0]));
}

TEST_F(HeapCombine, ALargeBlockIsPublishedAtOnce)
{
    for (unsigned class_index : {CLASS_64K, CLASS_256K}) {
        std::vector<void *> blocks = alloc_many(class_index, 7);
        for (void *block : blocks) {
            free_by_other(block);
            ASSERT_TRUE(is_published(block));
        }
    }
}

TEST_F(HeapCombine, ASlowPathPublishesWhatWasGathered)
{
    std::vector<void *> blocks = alloc_many(CLASS_64, 2);
    free_by_other(blocks[0]);
    EXPECT_FALSE(is_published(blocks[0]));
    machine_.alloc(other_, CLASS_128);
    EXPECT_TRUE(is_published(blocks[0]));
    EXPECT_EQ(other_->combine.open, 0u);
}

TEST_F(HeapCombine, ClassesThatTakeTurnsDoNotDisturbEachOther)
{
    std::vector<std::vector<void *>> of_class;
    for (unsigned i = 0; i < HAK_TINY_CLASS_COUNT; i++) {
        of_class.push_back(alloc_many(i, 64));
    }
    for (size_t block = 0; block < 64; block++) {
        for (const std::vector<void *> &blocks : of_class) {
            free_by_other(blocks[block]);
        }
    }
    hak_i_heap_purge(other_);
    EXPECT_EQ(remote_frees(), 64u * HAK_TINY_CLASS_COUNT);
    EXPECT_LE(publications() * 16, remote_frees());
}

TEST_F(HeapCombine, OwnersThatTakeTurnsDoNotDisturbEachOther)
{
    std::vector<std::vector<void *>> of_owner;
    for (int i = 0; i < 4; i++) {
        of_owner.push_back(machine_.alloc_many(machine_.claim(), CLASS_64, 64));
    }
    for (size_t block = 0; block < 64; block++) {
        for (const std::vector<void *> &blocks : of_owner) {
            free_by_other(blocks[block]);
        }
    }
    hak_i_heap_purge(other_);
    EXPECT_LE(publications() * 16, remote_frees());
}

TEST_F(HeapCombine, AWordThatIsFullIsPublishedWhenItIsLeft)
{
    std::vector<void *> blocks = alloc_many(CLASS_16, 65);
    for (int i = 0; i < 64; i++) {
        free_by_other(blocks[i]);
    }
    EXPECT_FALSE(is_published(blocks[0]));
    free_by_other(blocks[64]);
    EXPECT_TRUE(is_published(blocks[0]));
}

TEST_F(HeapCombine, AWaitingEntryWhosePlaceIsNeededIsPublished)
{
    std::vector<void *> blocks;
    for (int i = 0; i < 3 * HAK_COMBINE_WAITING; i++) {
        std::vector<void *> word = alloc_many(CLASS_16, 64);
        blocks.insert(blocks.end(), word.begin(), word.end());
    }
    for (size_t i = 0; i < blocks.size(); i += 64) {
        free_by_other(blocks[i]);
    }
    EXPECT_GE(publications(), 2u * HAK_COMBINE_WAITING - 1);
    EXPECT_TRUE(machine_.is_sound());
    EXPECT_EQ(machine_.live_blocks(), blocks.size() - 3 * HAK_COMBINE_WAITING);
}

TEST_F(HeapCombine, TheOwnerGetsBackWhatItTakesNext)
{
    std::vector<void *> blocks = alloc_many(CLASS_64, 4 * 1024);
    size_t held = machine_.held_units();
    for (int round = 0; round < 10; round++) {
        machine_.free_all(other_, blocks);
        hak_i_heap_purge(other_);
        blocks = alloc_many(CLASS_64, 4 * 1024);
        ASSERT_LE(machine_.held_units(), held + 64 * HAK_KIB / HAK_UNIT_BYTES);
    }
}

TEST_F(HeapCombine, EveryClassSurvivesFreesInRandomOrder)
{
    std::mt19937_64 random = random_numbers("HeapCombine.EveryClassSurvivesFreesInRandomOrder");
    std::vector<void *> blocks;
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        std::vector<void *> of_class = alloc_many(i, 2 * hak_i_slab_classes[i].block_count);
        blocks.insert(blocks.end(), of_class.begin(), of_class.end());
    }
    std::shuffle(blocks.begin(), blocks.end(), random);
    for (size_t i = 0; i < blocks.size(); i++) {
        free_by_other(blocks[i]);
        if (i % 2000 == 0) {
            ASSERT_EQ(machine_.live_blocks(), blocks.size() - i - 1);
            ASSERT_TRUE(machine_.is_sound());
        }
    }
    hak_i_heap_purge(other_);
    hak_i_heap_purge(heap_);
    EXPECT_EQ(heap_->finding_count + other_->finding_count, 0u);
    EXPECT_EQ(machine_.held_units(), 0u);
}

/* ------------------------------------------------------------------------------------------------- double frees ----
 */

bool names_as_freed_twice(const hak_heap *heap, const void *block)
{
    return heap->finding_count == 1 && heap->findings[0].block == block && !heap->findings[0].never_allocated;
}

TEST_F(HeapCombine, SeesADoubleFreeInTheBuffer)
{
    for (unsigned class_index : {CLASS_16, CLASS_128, CLASS_4K}) {
        void *block = alloc_many(class_index, 5)[3];
        free_by_other(block);
        EXPECT_EQ(other_->finding_count, 0u);
        free_by_other(block);
        EXPECT_TRUE(names_as_freed_twice(other_, block));
        other_->finding_count = 0;
        hak_i_heap_purge(other_);
        EXPECT_EQ(other_->finding_count, 0u) << "once is enough";
    }
}

TEST_F(HeapCombine, SeesADoubleFreeOfWhatWasPublished)
{
    void *block = alloc_many(CLASS_64, 5)[3];
    free_by_other(block);
    hak_i_heap_purge(other_);
    free_by_other(block);
    hak_i_heap_purge(other_);
    EXPECT_TRUE(names_as_freed_twice(other_, block));
    hak_i_heap_purge(heap_);
    EXPECT_EQ(heap_->finding_count, 0u);
}

TEST_F(HeapCombine, TheOwnerSeesADoubleFreeOfWhatItCollected)
{
    void *block = alloc_many(CLASS_64, 5)[3];
    free_by_other(block);
    hak_i_combine_publish_all(other_);
    hak_i_heap_purge(heap_);
    free_by_other(block);
    hak_i_combine_publish_all(other_);
    hak_i_heap_purge(heap_);
    EXPECT_TRUE(names_as_freed_twice(heap_, block));
}

TEST_F(HeapCombine, ABlockWhoseSlabHasGoneWasFreedTwice)
{
    void *block = alloc(CLASS_32);
    uint32_t id = machine_.id_at(address_of(block));
    free(block);
    hak_i_heap_purge(heap_);
    ASSERT_EQ(machine_.held_units(), 0u);
    hak_i_heap_free_remote(other_, id, block); // as if the ID had been read before
    hak_i_heap_purge(other_);
    EXPECT_TRUE(names_as_freed_twice(other_, block));
}

} // namespace
