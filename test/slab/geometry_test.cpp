// SPDX-License-Identifier: MIT
// Each row of the class table against first principles: division, multiples, alignment.
#include "slab/ground.h"

#include <gtest/gtest.h>

using namespace hak_test;

namespace {

constexpr uint32_t ID_BASE = 1 << 12;

/** Runs the body for every row, whose size a failure names. */
template <class Body>
void for_each_class(Body body)
{
    for (unsigned i = 0; i < HAK_CLASS_COUNT && !testing::Test::HasFatalFailure(); i++) {
        hak_class row = hak_i_slab_classes[i];
        SCOPED_TRACE("class of " + std::to_string(row.block_bytes) + " bytes");
        body(i, row);
    }
}

size_t contract_alignment(size_t block_bytes)
{
    return std::min(block_bytes & (~block_bytes + 1), HAK_UNIT_BYTES);
}

TEST(SlabGeometry, GrowsFromClassToClass)
{
    for (unsigned i = 1; i < HAK_CLASS_COUNT; i++) {
        EXPECT_LT(hak_i_slab_classes[i - 1].block_bytes, hak_i_slab_classes[i].block_bytes);
    }
}

TEST(SlabGeometry, FillsASlabWithBlocksThatTheBitmapsCanHold)
{
    for_each_class([](unsigned class_index, const hak_class &row) {
        EXPECT_EQ(row.block_count, row.slab_bytes / row.block_bytes);
        EXPECT_LE(row.block_count, class_index < HAK_TINY_CLASS_COUNT ? HAK_SLAB_BLOCKS_MAX : 64);
        EXPECT_LE(row.slab_bytes - row.block_count * row.block_bytes, row.slab_bytes / 8) << "lost at the end";
        EXPECT_EQ(row.slab_bytes % HAK_UNIT_BYTES, 0u);
        EXPECT_EQ(row.block_bytes % 16, 0u);
    });
}

TEST(SlabGeometry, FindsTheSlabByMaskingUpTo64KiBAndByUnitsFromThere)
{
    for_each_class([](unsigned, const hak_class &row) {
        if (row.block_bytes < HAK_UNIT_BLOCK_BYTES) {
            EXPECT_TRUE(hak_is_power_of_two(row.slab_bytes));
            EXPECT_EQ(row.start_mask, row.slab_bytes - 1);
        } else {
            EXPECT_EQ(row.block_bytes % HAK_UNIT_BYTES, 0u);
            EXPECT_EQ(row.start_mask, HAK_UNIT_BYTES - 1);
        }
    });
}

TEST(SlabGeometry, BoundsItsStacks)
{
    for_each_class([](unsigned, const hak_class &row) {
        EXPECT_GE(row.first_slots, 1);
        EXPECT_GE(row.most_slots, row.first_slots);
        EXPECT_LE(row.most_slots, 2048);
        EXPECT_LE(row.prewarm_slots, row.most_slots);
    });
}

TEST(SlabGeometry, DividesEveryOffsetExactly)
{
    for_each_class([](unsigned, const hak_class &row) {
        for (uint32_t offset = 0; offset < row.slab_bytes; offset++) {
            ASSERT_EQ(hak_i_slab_quotient(&row, offset), offset / row.block_bytes) << "offset " << offset;
        }
    });
}

TEST(SlabGeometry, TellsTheStartsOfBlocksFromEveryOtherAddress)
{
    FreshOs os;
    Ground ground;
    hak_inbox inbox = {};
    for_each_class([&](unsigned class_index, const hak_class &row) {
        hak_slab *slab = ground.bound(class_index, &inbox, ID_BASE);
        ASSERT_NE(slab, nullptr);
        for (uint32_t offset = 0; offset < row.slab_bytes; offset++) {
            uintptr_t address = slab->start + offset;
            bool taken_for_start = ground.id_at(address) == (ID_BASE | class_index * 32) &&
                                   (address & row.start_mask) * row.inverse < row.inverse;
            ASSERT_EQ(taken_for_start, offset % row.block_bytes == 0) << "offset " << offset;
        }
    });
}

TEST(SlabGeometry, EveryBlockIsAlignedAsPromisedAndInsideTheSlab)
{
    FreshOs os;
    Ground ground;
    hak_inbox inbox = {};
    for_each_class([&](unsigned class_index, const hak_class &row) {
        hak_slab *slab = ground.bound(class_index, &inbox, ID_BASE);
        ASSERT_NE(slab, nullptr);
        std::vector<void *> blocks = take(slab, HAK_SLAB_BLOCKS_MAX);
        ASSERT_EQ(blocks.size(), row.block_count);
        for (unsigned i = 0; i < blocks.size(); i++) {
            uintptr_t address = address_of(blocks[i]);
            ASSERT_EQ(address % contract_alignment(row.block_bytes), 0u) << "block " << i;
            ASSERT_EQ(address, slab->start + i * row.block_bytes);
            ASSERT_LE(address + row.block_bytes, slab->start + row.slab_bytes);
            ASSERT_EQ(hak_i_slab_index(slab, address), i);
            ASSERT_EQ(ground.record_at(address), slab);
        }
    });
}

} // namespace
