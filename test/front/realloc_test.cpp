// SPDX-License-Identifier: MIT
// The contract of hak_realloc() and hak_reallocarray(), across all kinds of block.
#include "support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

using namespace hak_test;

namespace {

/** Sizes of every kind of block, with edges: tiny, pool below and above 64 KiB, large. */
const size_t SIZES[] = {0,         1,           16,       17,          100,      1023,     1024,     1025,
                        4 * KiB,   8 * KiB + 1, 31 * KiB, 32 * KiB,    52 * KiB, 64 * KiB, 96 * KiB, 200 * KiB,
                        256 * KiB, 257 * KiB,   1 * MiB,  1 * MiB + 1, 3 * MiB,  9 * MiB};

void expect_kept(size_t from, size_t to)
{
    SCOPED_TRACE(testing::Message() << from << " to " << to);
    void *block = hak_alloc(from);
    ASSERT_NE(block, nullptr);
    fill(block, from, from + to);
    block = hak_realloc(block, to);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(address_of(block) % 16, 0u);
    ASSERT_GE(hak_usable_size(block), to);
    EXPECT_TRUE(is_filled(block, std::min(from, to), from + to));
    memset(block, 0x5a, hak_usable_size(block));
    hak_free_sized(block, to);
}

} // namespace

TEST(FrontRealloc, KeepsTheContentBetweenAllKindsOfBlock)
{
    for (size_t from : SIZES) {
        for (size_t to : SIZES) {
            expect_kept(from, to);
        }
    }
}

TEST(FrontRealloc, KeepsTheContentOverClassEdges)
{
    const std::vector<size_t> sizes = edge_sizes(512 * KiB);
    for (size_t i = 0; i + 4 < sizes.size(); i++) {
        for (size_t step = 1; step <= 4; step++) {
            expect_kept(sizes[i], sizes[i + step]);
            expect_kept(sizes[i + step], sizes[i]);
        }
    }
}

TEST(FrontRealloc, KeepsTheContentWhileABlockGrowsAndShrinks)
{
    char *block = nullptr;
    size_t size = 0;
    auto resize = [&](size_t next) {
        block = static_cast<char *>(hak_realloc(block, next));
        ASSERT_NE(block, nullptr);
        ASSERT_GE(hak_usable_size(block), next);
        ASSERT_TRUE(is_filled(block, std::min(size, next), 99)) << size << " to " << next;
        fill(block, next, 99);
        size = next;
    };
    while (size < 40 * MiB) {
        ASSERT_NO_FATAL_FAILURE(resize(size + size / 3 + 24));
    }
    while (size > 0) {
        ASSERT_NO_FATAL_FAILURE(resize(size / 2));
    }
    hak_free(block);
}

TEST(FrontRealloc, KeepsManyGrowingBlocksApart)
{
    constexpr size_t count = 16;
    void *blocks[count] = {};
    size_t sizes[count] = {};
    Random random(seed_for("KeepsManyGrowingBlocksApart"));
    for (int step = 0; step < (sanitizer ? 300 : 1500); step++) {
        size_t i = random.below(count);
        size_t next =
            std::min<size_t>(sizes[i] + random.below(sizes[i] + 64), 8 * MiB) / (random.below(12) == 0 ? 4 : 1);
        blocks[i] = hak_realloc(blocks[i], next);
        ASSERT_NE(blocks[i], nullptr);
        ASSERT_TRUE(is_filled(blocks[i], std::min(sizes[i], next), i)) << sizes[i] << " to " << next;
        fill(blocks[i], next, i);
        sizes[i] = next;
    }
    for (size_t i = 0; i < count; i++) {
        EXPECT_TRUE(is_filled(blocks[i], sizes[i], i));
        hak_free_sized(blocks[i], sizes[i]);
    }
}

TEST(FrontRealloc, AllocatesForNull)
{
    for (size_t size : SIZES) {
        void *block = hak_realloc(nullptr, size);
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(hak_usable_size(block), hak_good_size(size));
        hak_free(block);
    }
}

TEST(FrontRealloc, GivesASmallestBlockForSizeZero)
{
    for (size_t size : SIZES) {
        void *block = hak_realloc(hak_alloc(size), 0);
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(hak_usable_size(block), hak_good_size(0)) << size;
        hak_free(block);

        block = hak_reallocarray(hak_alloc(size), 0, opaque(SIZE_MAX));
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(hak_usable_size(block), hak_good_size(0)) << size;
        hak_free(block);
    }
}

TEST(FrontRealloc, LeavesTheBlockWhenItFails)
{
    for (size_t size : SIZES) {
        SCOPED_TRACE(size);
        void *block = hak_alloc(size);
        size_t usable = hak_usable_size(block);
        fill(block, size, size);
        for (size_t wanted : {size_t{1} << 46, size_t{PTRDIFF_MAX}, SIZE_MAX}) {
            errno = 0;
            EXPECT_EQ(hak_realloc(block, opaque(wanted)), nullptr);
            EXPECT_EQ(errno, ENOMEM);
            errno = 0;
            EXPECT_EQ(hak_reallocarray(block, opaque(wanted), 3), nullptr);
            EXPECT_EQ(errno, ENOMEM);
        }
        EXPECT_EQ(hak_usable_size(block), usable);
        EXPECT_TRUE(is_filled(block, size, size));
        hak_free_sized(block, size);
    }
}

TEST(FrontRealloc, MayBeFreedWithTheNewSizeAfterAlignment)
{
    for (size_t alignment : {size_t{64}, 4 * KiB, 64 * KiB, 1 * MiB}) {
        for (size_t size : {size_t{40}, 5 * KiB, 300 * KiB}) {
            for (size_t next : {size_t{40}, size_t{41}, 5 * KiB, 300 * KiB, 2 * MiB}) {
                SCOPED_TRACE(testing::Message() << alignment << ", " << size << " to " << next);
                void *block = hak_aligned_alloc(alignment, size);
                ASSERT_NE(block, nullptr);
                fill(block, size, 3);
                block = hak_realloc(block, next);
                ASSERT_NE(block, nullptr);
                EXPECT_TRUE(is_filled(block, std::min(size, next), 3));
                hak_free_sized(block, next);
            }
        }
    }
}

TEST(FrontRealloc, ReturnsMemoryOfABlockThatShrank)
{
    void *block = hak_alloc(32 * MiB);
    ASSERT_NE(block, nullptr);
    uint64_t live = statistics().live_bytes;
    block = hak_realloc(block, 1 * MiB);
    ASSERT_NE(block, nullptr);
    EXPECT_LE(statistics().live_bytes, live - 30 * MiB);
    hak_free(block);
}
