// SPDX-License-Identifier: MIT
// Aligned blocks, as posix_memalign(3) describes them.
#include "entries.h"

#include <gtest/gtest.h>

using namespace hak_test;

namespace {

constexpr size_t LARGEST_ALIGNMENT = size_t{1} << 30;

void *const UNTOUCHED = pointer_to(0x1234);

size_t page()
{
    return static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

/** Runs `alloc(alignment, size)` for all powers of two, and checks place and size of what it gives. */
template <class Alloc>
void check_powers(size_t smallest, Alloc alloc)
{
    for (size_t alignment = smallest; alignment <= LARGEST_ALIGNMENT; alignment *= 2) {
        for (size_t size : {size_t{0}, size_t{1}, size_t{100}, std::min(alignment, 1 * MiB) + 1, 3 * MiB}) {
            void *block = alloc(alignment, size);
            ASSERT_NE(block, nullptr) << alignment << " " << size;
            EXPECT_EQ(address_of(block) % alignment, 0u) << alignment << " " << size;
            EXPECT_GE(malloc_usable_size(block), size);
            EXPECT_TRUE(hak_owns(block));
            memset(block, 1, size);
            free(block);
        }
    }
}

} // namespace

TEST(OverrideAlignedAlloc, ServesEveryPowerOfTwo)
{
    check_powers(1, [](size_t alignment, size_t size) { return aligned_alloc(opaque(alignment), size); });
}

TEST(OverrideMemalign, ServesEveryPowerOfTwo)
{
    check_powers(1, [](size_t alignment, size_t size) { return memalign(opaque(alignment), size); });
}

TEST(OverridePosixMemalign, ServesEveryPowerOfTwo)
{
    check_powers(sizeof(void *), [](size_t alignment, size_t size) {
        void *block = nullptr;
        return posix_memalign(&block, opaque(alignment), size) == 0 ? block : nullptr;
    });
}

TEST(OverrideAlignedAlloc, RefusesOtherAlignments)
{
    for (size_t alignment : {size_t{0}, size_t{3}, size_t{24}, size_t{4097}, SIZE_MAX}) {
        errno = 0;
        EXPECT_EQ(aligned_alloc(opaque(alignment), 100), nullptr) << alignment;
        EXPECT_EQ(errno, EINVAL) << alignment;
    }
}

TEST(OverrideAlignedAlloc, HasNoMemoryForAnAlignmentAsLargeAsTheAddressSpace)
{
    for (size_t alignment : {size_t{1} << 62, size_t{1} << 63}) {
        errno = 0;
        EXPECT_EQ(aligned_alloc(opaque(alignment), 1), nullptr) << alignment;
        EXPECT_EQ(errno, ENOMEM) << alignment;
        errno = 0;
        EXPECT_EQ(memalign(opaque(alignment), 1), nullptr) << alignment;
        EXPECT_EQ(errno, ENOMEM) << alignment;
    }
}

TEST(OverrideMemalign, TakesTheNextPowerOfTwo)
{
    for (size_t alignment : {size_t{0}, size_t{1}, size_t{3}, size_t{24}, size_t{33}, size_t{4097}, 1 * MiB + 1}) {
        for (int i = 0; i < 20; i++) { // so that no block is aligned by chance alone
            size_t wanted = 1;
            while (wanted < alignment) {
                wanted *= 2;
            }
            void *first = memalign(opaque(alignment), 8), *second = memalign(opaque(alignment), 8);
            ASSERT_TRUE(first != nullptr && second != nullptr) << alignment;
            EXPECT_EQ((address_of(first) | address_of(second)) % wanted, 0u) << alignment;
            free(first);
            free(second);
        }
    }
}

TEST(OverrideMemalign, RefusesWhatHasNoNextPowerOfTwo)
{
    for (size_t alignment : {(size_t{1} << 63) + 1, SIZE_MAX}) {
        errno = 0;
        EXPECT_EQ(memalign(opaque(alignment), 8), nullptr);
        EXPECT_EQ(errno, EINVAL);
    }
}

TEST(OverridePosixMemalign, RefusesOtherAlignmentsAndTouchesNothing)
{
    for (size_t alignment : {size_t{0}, size_t{1}, size_t{2}, size_t{4}, size_t{24}, size_t{4097}, SIZE_MAX}) {
        void *block = UNTOUCHED;
        errno = EXDEV;
        EXPECT_EQ(posix_memalign(&block, opaque(alignment), 100), EINVAL) << alignment;
        EXPECT_EQ(errno, EXDEV);
        EXPECT_EQ(block, UNTOUCHED);
    }
}

TEST(OverridePosixMemalign, WithoutMemoryTouchesNothing)
{
    for (size_t size : {size_t{PTRDIFF_MAX}, size_t{PTRDIFF_MAX} + 1, SIZE_MAX}) {
        void *block = UNTOUCHED;
        errno = EXDEV;
        EXPECT_EQ(posix_memalign(&block, 64, opaque(size)), ENOMEM) << size;
        EXPECT_EQ(errno, EXDEV);
        EXPECT_EQ(block, UNTOUCHED);
    }
}

TEST(OverrideValloc, GivesWholePages)
{
    for (size_t size : {size_t{0}, size_t{1}, page() - 1, page(), page() + 1, 1 * MiB + 1}) {
        void *plain = valloc(size), *padded = pvalloc(size);
        EXPECT_TRUE(hak_owns(plain) && hak_owns(padded));
        EXPECT_EQ((address_of(plain) | address_of(padded)) % page(), 0u) << size;
        EXPECT_GE(malloc_usable_size(plain), size);
        EXPECT_GE(malloc_usable_size(padded), (size + page() - 1) / page() * page());
        free(plain);
        free(padded);
    }
}

TEST(OverrideAlignedAlloc, BlocksGoThroughRealloc)
{
    for (size_t alignment : {size_t{64}, 4 * KiB, 2 * MiB}) {
        void *block = aligned_alloc(alignment, 10000);
        fill(block, 10000, alignment);
        block = realloc(block, 3 * MiB);
        EXPECT_TRUE(is_filled(block, 10000, alignment));
        free(block);
    }
}
