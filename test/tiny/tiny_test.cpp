// SPDX-License-Identifier: MIT
// Which class serves a size up to 1 KiB, against a search of the rows.
#include "tiny/tiny_hot.h"

#include <gtest/gtest.h>

#include <iterator>

namespace {

#undef HAK_CLASS_ROW
#define HAK_CLASS_ROW(size, slab_size, first, most, prewarm) size
constexpr size_t block_bytes[] = {HAK_TINY_CLASSES};

size_t smallest_class_for(size_t size)
{
    size_t i = 0;
    while (block_bytes[i] < size) {
        i++;
    }
    return i;
}

TEST(TinyClasses, FillTheirRowsUpToTheLargest)
{
    ASSERT_EQ(std::size(block_bytes), size_t{HAK_TINY_CLASS_COUNT});
    EXPECT_EQ(block_bytes[0], 16u);
    EXPECT_EQ(block_bytes[HAK_TINY_CLASS_COUNT - 1], size_t{HAK_TINY_BYTES_MAX}) << "1024 is an ordinary class";
    for (size_t i = 1; i < std::size(block_bytes); i++) {
        EXPECT_LT(block_bytes[i - 1], block_bytes[i]);
    }
}

TEST(TinyClasses, TheSmallestClassThatHoldsItServesEverySize)
{
    for (size_t size = 0; size <= HAK_TINY_BYTES_MAX; size++) {
        ASSERT_EQ(hak_i_tiny_scaled_class(size), 32 * smallest_class_for(size)) << size << " bytes";
    }
}

TEST(TinyClasses, WasteAtMostAQuarterOrFifteenBytes)
{
    for (size_t size = 1; size <= HAK_TINY_BYTES_MAX; size++) {
        size_t waste = block_bytes[hak_i_tiny_scaled_class(size) / 32] - size;
        ASSERT_TRUE(waste <= 15 || waste * 4 <= size) << size << " bytes lose " << waste;
    }
}

} // namespace
