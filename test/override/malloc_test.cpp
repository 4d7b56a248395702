// SPDX-License-Identifier: MIT
// malloc and its family as malloc(3) and the glibc manual describe them, and docs/drop-in.md where they leave a choice.
#include "entries.h"

#include <gtest/gtest.h>

#include <set>

using namespace hak_test;

namespace {

/** What is refused always: more than PTRDIFF_MAX, or so much that no machine has it. */
const size_t REFUSED_SIZES[] = {PTRDIFF_MAX, size_t{PTRDIFF_MAX} + 1, SIZE_MAX - 4096, SIZE_MAX - 4095, SIZE_MAX};

struct Product {
    size_t count, size;
};

/** All overflow; some of the wrapped products are small. */
const Product OVERFLOWING[] = {
    {SIZE_MAX, SIZE_MAX}, {SIZE_MAX, 2}, {2, SIZE_MAX}, {size_t{1} << 63, 2}, {size_t{1} << 33, size_t{1} << 33},
    {SIZE_MAX / 8 + 2, 8}};

} // namespace

TEST(OverrideMalloc, GivesUniqueBlocksForSizeZero)
{
    for (const Entry &entry : ENTRIES) {
        std::set<void *> blocks;
        for (int i = 0; i < 100; i++) {
            void *block = entry.alloc(0);
            ASSERT_NE(block, nullptr) << entry.name;
            ASSERT_TRUE(hak_owns(block)) << entry.name;
            ASSERT_TRUE(blocks.insert(block).second) << entry.name;
        }
        for (void *block : blocks) {
            free(block);
        }
    }
}

TEST(OverrideMalloc, AlignsForEveryType)
{
    for (size_t size : edge_sizes(64 * KiB)) {
        void *block = malloc(size);
        EXPECT_EQ(address_of(block) % alignof(max_align_t), 0u) << size;
        free(block);
    }
}

TEST(OverrideMalloc, LeavesErrnoWhereItSucceeds)
{
    for (const Entry &entry : ENTRIES) {
        for (size_t size : {size_t{0}, size_t{1}, 40 * KiB, 8 * MiB}) {
            errno = 0;
            void *block = entry.alloc(size);
            EXPECT_EQ(errno, 0) << entry.name;
            ASSERT_NE(block, nullptr) << entry.name;
            free(block);
        }
    }
}

TEST(OverrideMalloc, RefusesWhatIsTooLarge)
{
    for (const Entry &entry : ENTRIES) {
        for (size_t size : REFUSED_SIZES) {
            errno = 0;
            EXPECT_EQ(entry.alloc(opaque(size)), nullptr) << entry.name << " " << size;
            EXPECT_EQ(errno, ENOMEM) << entry.name << " " << size;
        }
    }
}

TEST(OverrideMalloc, RefusesProductsThatOverflow)
{
    for (const Product &product : OVERFLOWING) {
        errno = 0;
        EXPECT_EQ(calloc(opaque(product.count), product.size), nullptr) << product.count << " " << product.size;
        EXPECT_EQ(errno, ENOMEM);
        errno = 0;
        EXPECT_EQ(reallocarray(nullptr, opaque(product.count), product.size), nullptr);
        EXPECT_EQ(errno, ENOMEM);
    }
}

TEST(OverrideCalloc, ClearsWhatWasUsedBefore)
{
    for (size_t size : edge_sizes(4 * MiB)) {
        void *used = malloc(size);
        ASSERT_NE(used, nullptr);
        memset(used, 0xa5, malloc_usable_size(used));
        free(used);
        void *block = calloc(size / 3 + 1, 3);
        ASSERT_NE(block, nullptr);
        EXPECT_TRUE(is_zero(block, size / 3 * 3 + 3)) << size;
        free(block);
    }
}

TEST(OverrideCalloc, GivesABlockWhereEitherFactorIsZero)
{
    for (Product product : {Product{0, 0}, Product{0, SIZE_MAX}, Product{SIZE_MAX, 0}}) {
        void *block = calloc(opaque(product.count), product.size);
        EXPECT_TRUE(block != nullptr && hak_owns(block));
        free(block);
    }
}

/* --------------------------------------------------------------------------------------------------- realloc ---- */

TEST(OverrideRealloc, KeepsTheContent)
{
    for (size_t from : {size_t{1}, size_t{100}, 10 * KiB, 200 * KiB, 5 * MiB}) {
        for (size_t to : {size_t{1}, size_t{100}, 10 * KiB, 200 * KiB, 5 * MiB}) {
            void *block = malloc(from);
            fill(block, from, from);
            block = realloc(block, to);
            ASSERT_NE(block, nullptr);
            EXPECT_TRUE(is_filled(block, std::min(from, to), from)) << from << " to " << to;
            EXPECT_GE(malloc_usable_size(block), to);
            free(block);
        }
    }
}

TEST(OverrideRealloc, OfNothingIsMalloc)
{
    void *block = realloc(nullptr, 100);
    EXPECT_GE(malloc_usable_size(block), 100u);
    free(block);
    block = realloc(nullptr, 0);
    EXPECT_TRUE(block != nullptr && hak_owns(block));
    free(block);
}

TEST(OverrideRealloc, ToSizeZeroFrees)
{
    for (size_t size : {size_t{0}, size_t{100}, 40 * KiB, 8 * MiB}) {
        for (Product product : {Product{0, 0}, Product{0, 8}, Product{8, 0}}) {
            uint64_t live = statistics().live_blocks;
            void *block = malloc(size);
            ASSERT_EQ(statistics().live_blocks, live + 1);
            errno = 0;
            EXPECT_EQ(product.count + product.size == 0 ? realloc(block, opaque(size_t{0}))
                                                        : reallocarray(block, opaque(product.count), product.size),
                      nullptr);
            EXPECT_EQ(errno, 0);
            EXPECT_EQ(statistics().live_blocks, live);
        }
    }
}

TEST(OverrideRealloc, KeepsTheBlockWhereItFails)
{
    for (size_t size : {size_t{100}, 40 * KiB, 8 * MiB}) {
        void *block = malloc(size);
        fill(block, size, size);
        for (size_t refused : REFUSED_SIZES) {
            errno = 0;
            EXPECT_EQ(realloc(opaque(block), opaque(refused)), nullptr);
            EXPECT_EQ(errno, ENOMEM);
        }
        for (const Product &product : OVERFLOWING) {
            errno = 0;
            EXPECT_EQ(reallocarray(opaque(block), opaque(product.count), product.size), nullptr);
            EXPECT_EQ(errno, ENOMEM);
        }
        EXPECT_TRUE(is_filled(block, size, size));
        free(block);
    }
}

TEST(OverrideReallocarray, ServesTheProduct)
{
    void *block = reallocarray(nullptr, 10, 30);
    fill(block, 300, 1);
    EXPECT_GE(malloc_usable_size(block), 300u);
    block = reallocarray(block, 1000, 300);
    EXPECT_GE(malloc_usable_size(block), 300000u);
    EXPECT_TRUE(is_filled(block, 300, 1));
    free(block);
}

/* --------------------------------------------------------------------------------------------- free, measure ---- */

TEST(OverrideFree, KeepsErrno)
{
    for (size_t size : {size_t{0}, size_t{100}, 40 * KiB, 8 * MiB, 512 * MiB}) {
        void *block = malloc(size);
        ASSERT_NE(block, nullptr);
        errno = EXDEV;
        free(block);
        EXPECT_EQ(errno, EXDEV) << size;
    }
    errno = EXDEV;
    free(nullptr);
    EXPECT_EQ(errno, EXDEV);
}

TEST(OverrideFree, HasFormsThatAreToldTheSize)
{
    uint64_t live = statistics().live_blocks;
    for (size_t size : {size_t{0}, size_t{100}, 40 * KiB, 8 * MiB}) {
        free_sized(malloc(size), size);
        free_aligned_sized(aligned_alloc(256, size), 256, size);
    }
    free_sized(nullptr, 1);
    free_aligned_sized(nullptr, 64, 1);
    cfree(malloc(100));
    EXPECT_EQ(statistics().live_blocks, live);
}

TEST(OverrideFreeDeathTest, NamesAWrongSize)
{
    void *block = malloc(100), *aligned = aligned_alloc(64, 100);
    EXPECT_DEATH(free_sized(block, 4000), "hakmem: wrong size class: .* in hak_free_sized");
    EXPECT_DEATH(free_aligned_sized(aligned, 64, 4000), "hakmem: wrong size class: .* in hak_free_aligned_sized");
    EXPECT_DEATH(free_aligned_sized(aligned, 1 << 20, 100), "hakmem: wrong alignment: ");
    free(block);
    free(aligned);
}

TEST(OverrideFreeDeathTest, NamesWhatIsNoLiveBlock)
{
    char *block = static_cast<char *>(malloc(100));
    EXPECT_DEATH(free(opaque(block) + 8), "hakmem: interior pointer: ");
    EXPECT_DEATH(
        {
            free(block);
            free(opaque(block));
        },
        "hakmem: double free: ");
    free(block);
}

TEST(OverrideUsableSize, MayBeUsedInFull)
{
    for (size_t size : edge_sizes(1 * MiB)) {
        void *blocks[3];
        for (void *&block : blocks) {
            block = malloc(size);
            ASSERT_GE(malloc_usable_size(block), size);
            fill(block, malloc_usable_size(block), address_of(block));
        }
        for (void *block : blocks) {
            EXPECT_TRUE(is_filled(block, malloc_usable_size(block), address_of(block))) << size;
            free(block);
        }
    }
    EXPECT_EQ(malloc_usable_size(nullptr), 0u);
}

TEST(OverrideNames, ThatGlibcReservesAreTheSameHeap)
{
    void *blocks[] = {__libc_malloc(10),           __libc_calloc(1, 10),
                      __libc_realloc(nullptr, 10), __libc_valloc(10),
                      __libc_pvalloc(10),          __libc_reallocarray(nullptr, 1, 10),
                      __libc_memalign(64, 10),     nullptr};
    EXPECT_EQ(__posix_memalign(&blocks[7], 64, 10), 0);
    for (void *block : blocks) {
        EXPECT_TRUE(hak_owns(block));
        __libc_free(block);
    }
}
