// SPDX-License-Identifier: MIT
// The header's idea of the library: equal to the library's own, and under this number the same for ever.
#include <hakmem/inline.h>

#include "front/classes.h"
#include "front/front_private.h"

#include <gtest/gtest.h>

namespace {

TEST(InlineLayout, EverySizeHasTheLibrarysClass)
{
    for (size_t size = 0; size <= HAK_POOL_BYTES_MAX; size++) {
        ASSERT_EQ(HAK_INLINE_CLASS(size), hak_i_front_class(size)) << size;
    }
}

/** A change here needs another HAK_INLINE_LAYOUT: programs compiled with this one are out there. */
TEST(InlineLayout, IsWhatItsNumberSays)
{
    EXPECT_EQ(HAK_INLINE_LAYOUT, 1);
    EXPECT_EQ(sizeof(hak_bin), 32u);
    EXPECT_EQ(offsetof(hak_bin, start_mask), 0u);
    EXPECT_EQ(offsetof(hak_bin, inverse), 8u);
    EXPECT_EQ(offsetof(hak_bin, top), 16u);
    EXPECT_EQ(offsetof(hak_bin, full), 24u);
    EXPECT_EQ(offsetof(hak_heap_hot, base), 0u);
    EXPECT_EQ(offsetof(hak_heap_hot, units), 8u);
    EXPECT_EQ(offsetof(hak_heap_hot, ids), 16u);
    EXPECT_EQ(offsetof(hak_heap_hot, id), 24u);
    EXPECT_EQ(offsetof(hak_heap_hot, bins), 32u);
    EXPECT_EQ(HAK_UNIT_SHIFT, 14);
    EXPECT_EQ(HAK_ID_HEAP_SHIFT, 12);
    EXPECT_EQ(HAK_STACK_SENTINELS, 2);
    EXPECT_EQ(HAK_CLASS_COUNT, 56);
    EXPECT_EQ(HAK_POOL_BYTES_MAX, 262144);
    uint64_t classes = 0;
    for (size_t size = 0; size <= HAK_POOL_BYTES_MAX; size++) {
        classes = (classes ^ hak_i_front_class(size)) * 0x9e3779b97f4a7c15u;
    }
    EXPECT_EQ(classes, 11929699121137263616u);
}

} // namespace
