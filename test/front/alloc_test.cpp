// SPDX-License-Identifier: MIT
// The contract of the calls that give and take blocks, without realloc and alignment.
#include "support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>

using namespace hak_test;

namespace {

constexpr size_t LARGEST = 4 * MiB;
constexpr int SENTINEL = 12345;

/** Sizes that no allocator can serve, up to and beyond PTRDIFF_MAX. */
std::vector<size_t> impossible_sizes()
{
    std::vector<size_t> sizes;
    for (size_t past : {size_t{0}, size_t{1}, size_t{15}, size_t{16}, size_t{4095}, size_t{16384}, 4 * MiB}) {
        sizes.insert(sizes.end(), {SIZE_MAX - past, PTRDIFF_MAX - past, static_cast<size_t>(PTRDIFF_MAX) + 1 + past});
    }
    return sizes;
}

/** Both ends of the range of counts and sizes, where products overflow or come out small by wrapping. */
std::vector<size_t> product_edges()
{
    std::vector<size_t> edges{0, 3, 5, 6, 7, 9, 10, 100, 1000, 1023, 1025};
    for (unsigned shift = 0; shift < 64; shift += 3) {
        edges.insert(edges.end(), {size_t{1} << shift, SIZE_MAX >> shift});
    }
    for (size_t near : {size_t{1} << 31, size_t{1} << 32, size_t{1} << 62}) {
        edges.insert(edges.end(), {near - 1, near, near + 1});
    }
    edges.resize(64, SIZE_MAX - 1);
    return edges;
}

template <class Allocate>
void expect_refused(Allocate allocate)
{
    errno = SENTINEL;
    void *block = allocate();
    EXPECT_EQ(block, nullptr);
    EXPECT_EQ(errno, ENOMEM);
    hak_free(block);
}

} // namespace

TEST(FrontAlloc, GivesAlignedUsableBlocksOfEveryClassEdge)
{
    for (size_t size : edge_sizes(LARGEST)) {
        SCOPED_TRACE(size);
        char *block = static_cast<char *>(hak_alloc(size));
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(address_of(block) % 16, 0u);
        ASSERT_GE(hak_usable_size(block), size);
        EXPECT_EQ(hak_usable_size(block), hak_good_size(size));
        fill(block, hak_usable_size(block), size);
        EXPECT_TRUE(is_filled(block, hak_usable_size(block), size));
        hak_free(block);
    }
}

TEST(FrontAlloc, GivesDisjointBlocks)
{
    std::vector<std::pair<char *, size_t>> blocks;
    for (size_t size : edge_sizes(64 * KiB)) {
        for (int copy = 0; copy < 20; copy++) {
            char *block = static_cast<char *>(hak_alloc(size));
            ASSERT_NE(block, nullptr);
            blocks.emplace_back(block, hak_usable_size(block));
            fill(block, blocks.back().second, address_of(block));
        }
    }
    std::sort(blocks.begin(), blocks.end());
    for (size_t i = 1; i < blocks.size(); i++) {
        ASSERT_LE(blocks[i - 1].first + blocks[i - 1].second, blocks[i].first);
    }
    for (auto [block, size] : blocks) {
        EXPECT_TRUE(is_filled(block, size, address_of(block)));
        hak_free(block);
    }
}

TEST(FrontAlloc, GivesAUniqueBlockForSizeZero)
{
    std::set<void *> blocks;
    for (int i = 0; i < 5000; i++) {
        void *block = hak_alloc(0);
        ASSERT_NE(block, nullptr);
        ASSERT_TRUE(blocks.insert(block).second);
    }
    for (void *block : blocks) {
        hak_free(block);
    }
}

TEST(FrontAlloc, GoodSizeIsASteadyFunctionOfSize)
{
    size_t before = hak_good_size(0);
    EXPECT_GT(before, 0u);
    for (size_t size = 1; size <= LARGEST; size += size < 64 * KiB ? 1 : 509) {
        size_t good = hak_good_size(size);
        ASSERT_GE(good, size);
        ASSERT_GE(good, before);
        ASSERT_EQ(hak_good_size(good), good);
        before = good;
    }
}

TEST(FrontAlloc, GoodSizeIsZeroForRefusedSizes)
{
    EXPECT_EQ(hak_good_size(opaque(SIZE_MAX)), 0u);
    EXPECT_EQ(hak_good_size(opaque(static_cast<size_t>(PTRDIFF_MAX) + 1)), 0u);
}

TEST(FrontAlloc, RefusesImpossibleSizesEverywhere)
{
    char *block = static_cast<char *>(hak_alloc(100));
    fill(block, 100, 1);
    for (size_t given : impossible_sizes()) {
        size_t size = opaque(given);
        SCOPED_TRACE(size);
        expect_refused([=] { return hak_alloc(size); });
        expect_refused([=] { return hak_zalloc(size); });
        expect_refused([=] { return hak_calloc(size, 1); });
        expect_refused([=] { return hak_calloc(1, size); });
        expect_refused([=] { return hak_realloc(nullptr, size); });
        expect_refused([=] { return hak_realloc(block, size); });
        expect_refused([=] { return hak_reallocarray(block, size, 1); });
        expect_refused([=] { return hak_reallocarray(block, 1, size); });
        expect_refused([=] { return hak_aligned_alloc(16, size); });
        expect_refused([=] { return hak_aligned_alloc(1 * MiB, size); });
        expect_refused([=] {
            void *batch[2] = {};
            return hak_alloc_batch(size, 2, batch) == 0 ? batch[0] : block;
        });
    }
    EXPECT_TRUE(is_filled(block, 100, 1));
    hak_free(block);
}

TEST(FrontAlloc, StaysUsableAfterRefusals)
{
    for (int i = 0; i < 100; i++) {
        expect_refused([] { return hak_alloc(opaque(size_t{1} << 46)); });
        void *block = hak_alloc(100 * KiB);
        ASSERT_NE(block, nullptr);
        fill(block, 100 * KiB, 7);
        hak_free(block);
    }
}

TEST(FrontZero, ClearsBlocksThatWereDirty)
{
    for (int round = 0; round < 3; round++) {
        for (size_t size : edge_sizes(LARGEST)) {
            void *dirty[3];
            for (void *&block : dirty) {
                block = hak_alloc(size);
                ASSERT_NE(block, nullptr);
                memset(block, 0xee, hak_usable_size(block));
            }
            hak_free_batch(dirty, 3);
            void *clean[] = {hak_zalloc(size), hak_calloc(1, size), hak_calloc(size, 1)};
            for (void *block : clean) {
                ASSERT_NE(block, nullptr);
                ASSERT_TRUE(is_zero(block, size)) << "size " << size << ", round " << round;
                memset(block, 0xdd, hak_usable_size(block));
                hak_free(block);
            }
        }
    }
}

TEST(FrontZero, ClearsLargeBlocksAfterReuseAndPurge)
{
    for (int round = 0; round < 20; round++) {
        for (size_t size : {3 * MiB, 5 * MiB + 123, 17 * MiB}) {
            char *block = static_cast<char *>(hak_zalloc(size));
            ASSERT_NE(block, nullptr);
            ASSERT_TRUE(is_zero(block, size)) << size;
            memset(block, 0xcc, size);
            hak_free(block);
        }
        if (round % 5 == 4) {
            hak_purge(nullptr);
        }
    }
}

TEST(FrontCalloc, ChecksEveryProduct)
{
    const std::vector<size_t> edges = product_edges();
    for (size_t count : edges) {
        for (size_t size : edges) {
            SCOPED_TRACE(testing::Message() << count << " * " << size);
            size_t product;
            bool overflow = __builtin_mul_overflow(count, size, &product);
            if (overflow || product > PTRDIFF_MAX) {
                expect_refused([=] { return hak_calloc(opaque(count), opaque(size)); });
                expect_refused([=] { return hak_reallocarray(nullptr, opaque(count), opaque(size)); });
            } else if (product <= LARGEST) {
                void *block = hak_calloc(count, size);
                ASSERT_NE(block, nullptr);
                EXPECT_GE(hak_usable_size(block), product);
                EXPECT_TRUE(is_zero(block, product));
                block = hak_reallocarray(block, size, count);
                ASSERT_NE(block, nullptr);
                EXPECT_GE(hak_usable_size(block), product);
                hak_free(block);
            }
        }
    }
}

TEST(FrontFree, AllowsNull)
{
    hak_free(nullptr);
    hak_free_sized(nullptr, 0);
    hak_free_sized(nullptr, 100);
    hak_free_aligned_sized(nullptr, 64, 100);
    hak_free_batch(nullptr, 0);
    void *nothing[2] = {};
    hak_free_batch(nothing, 2);
    EXPECT_EQ(hak_usable_size(nullptr), 0u);
}

TEST(FrontFree, KeepsErrno)
{
    std::vector<void *> blocks;
    for (size_t size : edge_sizes(LARGEST)) {
        blocks.push_back(hak_alloc(size));
        blocks.push_back(hak_alloc(size));
        memset(blocks.back(), 1, size);
    }
    errno = SENTINEL;
    hak_free(nullptr);
    for (void *block : blocks) {
        hak_free(block);
        ASSERT_EQ(errno, SENTINEL);
    }
}

TEST(FrontFree, TakesTheSizeOfEveryAllocation)
{
    for (size_t size : edge_sizes(LARGEST)) {
        hak_free_sized(hak_alloc(size), size);
        hak_free_sized(hak_zalloc(size), size);
        hak_free_sized(hak_calloc(size, 1), size);
        hak_free_sized(hak_realloc(nullptr, size), size);
        hak_free_sized(hak_alloc(size), hak_good_size(size));
    }
}

TEST(FrontBatch, GivesSeparateBlocksAndTakesThemBack)
{
    std::vector<void *> blocks(3000);
    for (size_t size : {size_t{0}, size_t{1}, size_t{64}, size_t{1000}, size_t{1024}, 9 * KiB, 40 * KiB}) {
        size_t count = size < 9 * KiB ? blocks.size() : 300;
        ASSERT_EQ(hak_alloc_batch(size, count, blocks.data()), count);
        EXPECT_EQ(std::set<void *>(blocks.begin(), blocks.begin() + static_cast<long>(count)).size(), count);
        for (size_t i = 0; i < count; i++) {
            ASSERT_EQ(hak_usable_size(blocks[i]), hak_good_size(size));
            fill(blocks[i], hak_good_size(size), i);
        }
        for (size_t i = 0; i < count; i++) {
            ASSERT_TRUE(is_filled(blocks[i], hak_good_size(size), i));
        }
        const std::vector<void *> given = blocks;
        hak_free_batch(blocks.data(), count);
        EXPECT_EQ(blocks, given);
    }
}

TEST(FrontBatch, ServesLargeBlocksAndSkipsNull)
{
    void *blocks[6] = {};
    ASSERT_EQ(hak_alloc_batch(3 * MiB, 3, blocks + 1), 3u);
    EXPECT_EQ(hak_usable_size(blocks[2]), hak_good_size(3 * MiB));
    EXPECT_EQ(blocks[4], nullptr);
    uint64_t live = statistics().live_blocks;
    hak_free_batch(blocks, 6);
    EXPECT_EQ(statistics().live_blocks, live - 3);
}

TEST(FrontBatch, TellsHowManyItObtained)
{
    void *blocks[8] = {};
    errno = SENTINEL;
    EXPECT_EQ(hak_alloc_batch(100, 0, blocks), 0u);
    EXPECT_EQ(hak_alloc_batch(opaque(size_t{PTRDIFF_MAX}), 0, blocks), 0u);
    ASSERT_EQ(hak_alloc_batch(100, 8, blocks), 8u);
    EXPECT_EQ(errno, SENTINEL);
    hak_free_batch(blocks, 8);

    // Eight halves of what can be reserved at all: some may be had, not all.
    size_t obtained = hak_alloc_batch(opaque(size_t{1} << 45), 8, blocks);
    ASSERT_LT(obtained, 8u);
    EXPECT_EQ(errno, ENOMEM);
    hak_free_batch(blocks, obtained);
}

TEST(FrontStrings, CopiesTheText)
{
    for (size_t length : {size_t{0}, size_t{1}, size_t{15}, size_t{16}, size_t{17}, size_t{1023}, 70 * KiB}) {
        const std::string text(length, 'x');
        char *copy = hak_strdup(text.c_str());
        ASSERT_NE(copy, nullptr);
        EXPECT_EQ(text, copy);
        EXPECT_NE(copy, text.c_str());
        hak_free_sized(copy, length + 1);
    }
}

TEST(FrontStrings, CopiesAtMostTheLength)
{
    const char unterminated[4] = {'a', 'b', 'c', 'd'};
    for (size_t length = 0; length <= 4; length++) {
        char *copy = hak_strndup(unterminated, length);
        ASSERT_NE(copy, nullptr);
        EXPECT_EQ(std::string(unterminated, length), copy);
        hak_free(copy);
    }
    char *whole = hak_strndup("abc", opaque(SIZE_MAX));
    ASSERT_NE(whole, nullptr);
    EXPECT_STREQ(whole, "abc");
    hak_free_sized(whole, 4);
}

TEST(FrontOwns, KnowsEveryByteOfABlock)
{
    for (size_t size : edge_sizes(LARGEST)) {
        char *block = static_cast<char *>(hak_alloc(size));
        size_t usable = hak_usable_size(block);
        EXPECT_TRUE(hak_owns(block)) << size;
        EXPECT_TRUE(hak_owns(block + usable / 2)) << size;
        EXPECT_TRUE(hak_owns(block + usable - 1)) << size;
        hak_free(block);
    }
}

TEST(FrontOwns, DeniesWhatIsNotHakmems)
{
    static int global;
    int local = 0;
    void *foreign = malloc(100);
    EXPECT_FALSE(hak_owns(nullptr));
    EXPECT_FALSE(hak_owns(&global));
    EXPECT_FALSE(hak_owns(&local));
    EXPECT_FALSE(hak_owns(foreign));
    EXPECT_FALSE(hak_owns(reinterpret_cast<const void *>(&hak_alloc)));
    free(foreign);
    for (unsigned shift = 0; shift < 64; shift++) {
        uintptr_t power = uintptr_t{1} << shift;
        (void)hak_owns(pointer_to(power));
        EXPECT_FALSE(shift >= 47 && hak_owns(pointer_to(power))) << shift;
    }
    for (uintptr_t wild :
         {uintptr_t{1}, uintptr_t{4095}, UINTPTR_MAX, UINTPTR_MAX - 15, uintptr_t{0xdeadbeefdeadbeef}}) {
        EXPECT_FALSE(hak_owns(pointer_to(wild))) << wild;
    }
}

TEST(FrontVersion, IsThatOfTheHeader)
{
    EXPECT_EQ(hak_version(), std::to_string(HAK_VERSION_MAJOR) + "." + std::to_string(HAK_VERSION_MINOR) + "." +
                                 std::to_string(HAK_VERSION_PATCH));
}
