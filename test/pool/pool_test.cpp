// SPDX-License-Identifier: MIT
// Which class serves a size above 1 KiB, against a search of the rows; and both tables side by side.
#include "front/classes.h"

#include <gtest/gtest.h>

#include <iterator>

namespace {

#undef HAK_CLASS_ROW
#define HAK_CLASS_ROW(size, slab_size, first, most, prewarm)                                                           \
    {                                                                                                                  \
        size, slab_size, first, most, prewarm                                                                          \
    }

struct Row {
    size_t block_bytes, slab_bytes, first_slots, most_slots, prewarm_slots;
};
constexpr Row rows[] = {HAK_TINY_CLASSES, HAK_POOL_CLASSES};

unsigned smallest_class_for(size_t size)
{
    unsigned i = 0;
    while (rows[i].block_bytes < size) {
        i++;
    }
    return i;
}

TEST(PoolClasses, FillTheirRowsUpToTheLargest)
{
    ASSERT_EQ(std::size(rows), size_t{HAK_CLASS_COUNT});
    EXPECT_EQ(rows[HAK_CLASS_COUNT - 1].block_bytes, size_t{HAK_POOL_BYTES_MAX});
}

TEST(PoolClasses, AreFourPerDoubling)
{
    for (unsigned i = HAK_TINY_CLASS_COUNT; i + 4 < HAK_CLASS_COUNT; i++) {
        EXPECT_EQ(rows[i + 4].block_bytes, 2 * rows[i].block_bytes);
    }
}

TEST(PoolClasses, TheSmallestClassThatHoldsItServesEverySize)
{
    for (size_t size = HAK_TINY_BYTES_MAX + 1; size <= HAK_POOL_BYTES_MAX; size++) {
        ASSERT_EQ(hak_i_pool_class(size), smallest_class_for(size)) << size << " bytes";
    }
}

TEST(PoolClasses, TheTableSaysTheSame)
{
    for (size_t size = HAK_TINY_BYTES_MAX + 1; size <= HAK_POOL_TABLE_BYTES_MAX; size++) {
        ASSERT_EQ(hak_i_pool_scaled_class(size), 32 * hak_i_pool_class(size)) << size << " bytes";
    }
}

TEST(PoolClasses, MeetTinyWithoutAGap)
{
    for (size_t size = 0; size <= HAK_POOL_BYTES_MAX; size++) {
        ASSERT_EQ(hak_i_front_class(size), smallest_class_for(size)) << size << " bytes";
    }
}

TEST(PoolClasses, WasteAtMostAQuarter)
{
    for (size_t size = HAK_TINY_BYTES_MAX + 1; size <= HAK_POOL_BYTES_MAX; size++) {
        size_t waste = rows[hak_i_pool_class(size)].block_bytes - size;
        ASSERT_LE(waste * 4, size) << size << " bytes lose " << waste;
    }
}

TEST(PoolClasses, EveryAlignmentUpToAUnitIsMetByRoundingUp)
{
    for (size_t alignment = 1; alignment <= HAK_UNIT_BYTES; alignment *= 2) {
        for (size_t size = 0; size + alignment <= HAK_POOL_BYTES_MAX; size++) {
            size_t rounded = hak_i_front_aligned_size(alignment, size);
            ASSERT_EQ(rows[hak_i_front_class(rounded)].block_bytes % alignment, 0u) << size << " at " << alignment;
        }
    }
}

TEST(PoolStacks, AreBoundedByBytes)
{
    for (unsigned i = HAK_TINY_CLASS_COUNT; i < HAK_CLASS_COUNT; i++) {
        const Row &row = rows[i];
        EXPECT_GE(row.first_slots, 1u);
        EXPECT_TRUE(row.first_slots == 1 || row.first_slots * row.block_bytes <= 64 * HAK_KIB) << row.block_bytes;
        EXPECT_LE(row.most_slots * row.block_bytes, 2 * HAK_MIB);
        EXPECT_GT((row.most_slots + 1) * row.block_bytes, 2 * HAK_MIB);
    }
}

TEST(PoolPrewarm, SetsAsideWhatWasMeasuredAndAtMostTwoMiB)
{
    const size_t expected[][2] = {{8, 16}, {16, 16}, {24, 12}, {32, 8}, {40, 8}, {48, 4}, {56, 4}};
    size_t found = 0;
    size_t bytes = 0;
    for (const Row &row : rows) {
        if (row.prewarm_slots != 0) {
            ASSERT_LT(found, std::size(expected));
            EXPECT_EQ(row.block_bytes, expected[found][0] * HAK_KIB);
            EXPECT_EQ(row.prewarm_slots, expected[found++][1]);
            bytes += row.prewarm_slots * row.block_bytes;
        }
    }
    EXPECT_EQ(found, std::size(expected));
    EXPECT_LE(bytes, 2 * HAK_MIB);
}

} // namespace
