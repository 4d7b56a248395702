// SPDX-License-Identifier: MIT
// The contract of hak_aligned_alloc() and hak_posix_memalign(): every alignment with every kind of size.
#include "support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

using namespace hak_test;

namespace {

constexpr int SENTINEL = 12345;

/** Alignments and sizes up to these must be served; beyond, ENOMEM is an answer too. */
constexpr size_t SERVED_ALIGNMENT = 64 * MiB;
constexpr size_t SERVED_SIZE = 4 * MiB;

/** Of the 64 powers of two, all, or every third where a sanitizer makes it slow. */
constexpr unsigned SHIFT_STEP = sanitizer ? 3 : 1;

std::vector<size_t> sizes()
{
    std::vector<size_t> all{0, 3, 24, 40, 100, 1000, 5000, 50000, 70000, 300000, 1000000};
    for (unsigned shift = 0; shift < 64; shift++) {
        size_t power = size_t{1} << shift;
        all.insert(all.end(), {power - 1, power, power + 1});
    }
    for (size_t below : {size_t{2}, size_t{15}, size_t{16}, size_t{4095}, size_t{4096}, size_t{16384}}) {
        all.insert(all.end(), {SIZE_MAX - below, PTRDIFF_MAX - below});
    }
    all.push_back(SIZE_MAX);
    return all;
}

std::vector<size_t> not_powers_of_two()
{
    std::vector<size_t> all{0, SIZE_MAX, SIZE_MAX - 1, 3, 24, 48};
    for (unsigned shift = 2; shift < 64; shift++) {
        size_t power = size_t{1} << shift;
        all.insert(all.end(), {power - 1, power + 1, power + power / 2});
    }
    return all;
}

void expect_aligned(char *block, size_t alignment, size_t size)
{
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(address_of(block) % alignment, 0u);
    EXPECT_EQ(address_of(block) % 16, 0u);
    ASSERT_GE(hak_usable_size(block), size);
    block[0] = 1;
    block[hak_usable_size(block) - 1] = 1;
}

/** The block of one call with the outcome checked; freed with its size, without, or without alignment in turn. */
void check_outcome(char *block, bool refused, size_t alignment, size_t size)
{
    if (refused && (alignment > SERVED_ALIGNMENT || size > SERVED_SIZE)) {
        EXPECT_EQ(block, nullptr);
        return;
    }
    ASSERT_NO_FATAL_FAILURE(expect_aligned(block, alignment, size));
    if (size % 2 == 0) {
        hak_free_aligned_sized(block, alignment, size);
    } else {
        hak_free(block);
    }
}

} // namespace

TEST(FrontAligned, ServesOrRefusesEveryPair)
{
    for (unsigned shift = 0; shift < 64; shift += SHIFT_STEP) {
        for (size_t size : sizes()) {
            size_t alignment = size_t{1} << shift;
            SCOPED_TRACE(testing::Message() << "alignment 2^" << shift << ", size " << size);
            errno = SENTINEL;
            char *block = static_cast<char *>(hak_aligned_alloc(opaque(alignment), opaque(size)));
            EXPECT_TRUE(block != nullptr || errno == ENOMEM);
            EXPECT_TRUE(block == nullptr || size <= PTRDIFF_MAX);
            ASSERT_NO_FATAL_FAILURE(check_outcome(block, block == nullptr, alignment, size));
        }
    }
}

TEST(FrontAligned, PosixMemalignServesOrRefusesEveryPair)
{
    for (unsigned shift = 0; shift < 64; shift += SHIFT_STEP) {
        for (size_t size : sizes()) {
            size_t alignment = size_t{1} << shift;
            SCOPED_TRACE(testing::Message() << "alignment 2^" << shift << ", size " << size);
            void *const untouched = pointer_to(0x1234);
            void *block = untouched;
            errno = SENTINEL;
            int result = hak_posix_memalign(&block, opaque(alignment), opaque(size));
            EXPECT_EQ(errno, SENTINEL);
            if (alignment < sizeof(void *)) {
                EXPECT_EQ(result, EINVAL);
                EXPECT_EQ(block, untouched);
                continue;
            }
            ASSERT_TRUE(result == 0 || result == ENOMEM) << result;
            ASSERT_EQ(block == untouched, result == ENOMEM);
            char *given = result == 0 ? static_cast<char *>(block) : nullptr;
            ASSERT_NO_FATAL_FAILURE(check_outcome(given, result == ENOMEM, alignment, size));
        }
    }
}

TEST(FrontAligned, RefusesWhatIsNotAPowerOfTwo)
{
    for (size_t given : not_powers_of_two()) {
        size_t alignment = opaque(given);
        for (size_t size : {size_t{0}, size_t{100}, 1 * MiB, opaque(SIZE_MAX)}) {
            SCOPED_TRACE(testing::Message() << "alignment " << alignment << ", size " << size);
            errno = SENTINEL;
            EXPECT_EQ(hak_aligned_alloc(alignment, size), nullptr);
            EXPECT_EQ(errno, EINVAL);
            void *block = pointer_to(0x1234);
            errno = SENTINEL;
            EXPECT_EQ(hak_posix_memalign(&block, alignment, size), EINVAL);
            EXPECT_EQ(errno, SENTINEL);
            EXPECT_EQ(block, pointer_to(0x1234));
        }
    }
}

TEST(FrontAligned, GivesManyBlocksThatStayApart)
{
    struct Held {
        void *block;
        size_t alignment, size;
    };
    std::vector<Held> held;
    Random random(seed_for("GivesManyBlocksThatStayApart"));
    for (int i = 0; i < 2000; i++) {
        size_t alignment = size_t{1} << random.below(18);
        size_t size = random.below(size_t{1} << random.below(17));
        void *block = hak_aligned_alloc(alignment, size);
        ASSERT_NE(block, nullptr);
        ASSERT_EQ(address_of(block) % alignment, 0u);
        fill(block, hak_usable_size(block), static_cast<uint64_t>(i));
        held.push_back({block, alignment, size});
    }
    for (size_t i = 0; i < held.size(); i++) {
        ASSERT_TRUE(is_filled(held[i].block, hak_usable_size(held[i].block), i));
        hak_free_aligned_sized(held[i].block, held[i].alignment, held[i].size);
    }
}

TEST(FrontAligned, NaturalAlignmentOfClassesHolds)
{
    for (size_t size : class_sizes(1 * MiB)) {
        size_t alignment = std::min<size_t>(size & (~size + 1), 16 * KiB);
        for (int copy = 0; copy < 5; copy++) {
            void *block = hak_alloc(size);
            EXPECT_EQ(address_of(block) % alignment, 0u) << size;
            hak_free(block);
        }
    }
}
