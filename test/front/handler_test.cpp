// SPDX-License-Identifier: MIT
// What an error handler is told, and that a misused call does nothing where the handler returns.
#include "support.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

using namespace hak_test;

namespace {

struct Report {
    int count = 0;
    hak_error error = {};
    std::string message, function;
    bool may_allocate = false;
};

/** Collects reports while it lives. */
class FrontHandler : public testing::Test {
protected:
    void SetUp() override { hak_set_error_handler(&FrontHandler::keep, &report_); }
    void TearDown() override { hak_set_error_handler(nullptr, nullptr); }

    static void keep(const hak_error *error, void *arg)
    {
        Report &report = *static_cast<Report *>(arg);
        report.count++;
        report.error = *error;
        report.message = error->message;
        report.function = error->function;
        void *block = hak_alloc(100);
        report.may_allocate = block != nullptr;
        hak_free(block);
    }

    /** The one report since the last call. */
    Report take()
    {
        Report report;
        std::swap(report, report_);
        EXPECT_EQ(report.count, 1);
        return report;
    }

    void expect(hak_error_kind kind, const std::string &name, const void *address, const char *function)
    {
        Report report = take();
        char hex[32];
        snprintf(hex, sizeof hex, "%llx", static_cast<unsigned long long>(address_of(address)));
        EXPECT_EQ(report.error.kind, kind);
        EXPECT_EQ(report.error.address, address);
        EXPECT_EQ(report.error.size, sizeof(hak_error));
        EXPECT_EQ(report.message.substr(0, name.size() + 4 + strlen(hex)), name + ": 0x" + hex);
        EXPECT_EQ(report.message.find('\n'), std::string::npos);
        EXPECT_EQ(report.function, function);
        EXPECT_TRUE(report.may_allocate);
    }

    Report report_;
};

} // namespace

TEST_F(FrontHandler, IsNotCalledForGoodCalls)
{
    for (size_t size : edge_sizes(300 * KiB)) {
        hak_free(hak_realloc(hak_alloc(size), size + 1));
    }
    EXPECT_EQ(report_.count, 0);
}

TEST_F(FrontHandler, IsToldOfInteriorPointers)
{
    for (size_t size : {size_t{48}, size_t{1024}, 12 * KiB, 128 * KiB, 3 * MiB}) {
        SCOPED_TRACE(size);
        char *block = static_cast<char *>(hak_alloc(size));
        fill(block, size, 1);
        hak_free(block + 16);
        expect(HAK_ERROR_INTERIOR_POINTER, "interior pointer", block + 16, "hak_free");
        hak_free_sized(block + 1, size);
        expect(HAK_ERROR_INTERIOR_POINTER, "interior pointer", block + 1, "hak_free_sized");
        EXPECT_EQ(hak_realloc(block + 32, 10), nullptr);
        expect(HAK_ERROR_INTERIOR_POINTER, "interior pointer", block + 32, "hak_realloc");
        EXPECT_EQ(hak_usable_size(block + size - 1), 0u);
        expect(HAK_ERROR_INTERIOR_POINTER, "interior pointer", block + size - 1, "hak_usable_size");
        EXPECT_EQ(hak_usable_size(block), hak_good_size(size));
        EXPECT_TRUE(is_filled(block, size, 1));
        hak_free(block);
    }
}

TEST_F(FrontHandler, IsToldTheSizeOfTheBlock)
{
    for (size_t size : {size_t{48}, size_t{1024}, 12 * KiB, 128 * KiB, 3 * MiB}) {
        char *block = static_cast<char *>(hak_alloc(size));
        hak_free(block + 16);
        EXPECT_EQ(take().error.block_size, hak_usable_size(block));
        hak_free(block);
    }
    hak_free(pointer_to(64));
    EXPECT_EQ(take().error.block_size, 0u);
}

TEST_F(FrontHandler, IsToldTheOwner)
{
    char *mine = static_cast<char *>(hak_alloc(48));
    char *also_mine = static_cast<char *>(hak_alloc(12 * KiB));
    hak_free(mine + 16);
    uint32_t owner = take().error.owner;
    EXPECT_NE(owner, 0u);
    hak_free(also_mine + 16);
    EXPECT_EQ(take().error.owner, owner);
    std::thread([&] {
        char *others = static_cast<char *>(hak_alloc(48));
        hak_free(others + 16);
        uint32_t other = take().error.owner;
        EXPECT_NE(other, 0u);
        EXPECT_NE(other, owner);
        hak_free(mine + 16);
        EXPECT_EQ(take().error.owner, owner);
        hak_free(others);
    }).join();
    hak_free(pointer_to(64));
    EXPECT_EQ(take().error.owner, 0u);
    hak_free(mine);
    hak_free(also_mine);
}

/* Another thread frees the block first, so it is noticed when this one's frees are collected together. */
TEST_F(FrontHandler, IsToldTheOwnerOfABlockThatAnotherHeapFreesTwice)
{
    std::atomic<char *> given{nullptr};
    std::atomic<bool> over{false};
    std::thread owner([&] {
        given = static_cast<char *>(hak_alloc(48));
        while (!over) {
            std::this_thread::yield();
        }
    });
    while (given == nullptr) {
        std::this_thread::yield();
    }
    char *const block = given;
    hak_free(hak_alloc(48)); // this thread has a heap
    hak_free(block + 16);
    const Report interior = take();
    std::thread([&] { hak_free(block); }).join();
    hak_free(block);
    hak_purge(nullptr);
    const Report found = take();
    over = true;
    owner.join();
    EXPECT_EQ(found.error.kind, HAK_ERROR_DOUBLE_FREE);
    EXPECT_EQ(found.error.address, block);
    EXPECT_EQ(found.error.owner, interior.error.owner);
    EXPECT_NE(found.message.find("owned by heap " + std::to_string(interior.error.owner) + ")"), std::string::npos)
        << found.message;
}

/* With all its other blocks the slab goes, before the second free of the first is looked at. */
TEST_F(FrontHandler, IsToldOfNoOwnerWhereTheSlabIsGone)
{
    hak_purge(nullptr);
    hak_option_set("dirty_min", "0");
    std::thread([&] {
        std::vector<void *> blocks;
        do {
            blocks.push_back(hak_alloc(48));
        } while (blocks.size() < 100 || statistics().cached_bytes != 0);
        hak_free_batch(blocks.data() + 1, blocks.size() - 4);
        hak_purge(nullptr);
        hak_free(blocks[0]);
        for (size_t last = 1; last <= 3; last++) {
            hak_free(blocks[blocks.size() - last]);
        }
        hak_free(blocks[0]);
        hak_purge(nullptr);
        const Report found = take();
        EXPECT_EQ(found.error.kind, HAK_ERROR_DOUBLE_FREE);
        EXPECT_EQ(found.error.address, blocks[0]);
        EXPECT_EQ(found.error.block_size, 48u);
        EXPECT_EQ(found.error.owner, 0u);
        EXPECT_NE(found.message.find(" (tiny, 48-byte class) in "), std::string::npos) << found.message;
    }).join();
    hak_option_set("dirty_min", "16M");
}

TEST_F(FrontHandler, IsToldOfForeignPointers)
{
    int local = 0;
    void *foreign = malloc(100);
    for (void *address : {static_cast<void *>(&local), foreign, pointer_to(1), pointer_to(16), pointer_to(UINTPTR_MAX),
                          pointer_to(uintptr_t{1} << 63)}) {
        hak_free(address);
        expect(HAK_ERROR_FOREIGN_POINTER, "foreign pointer", address, "hak_free");
        EXPECT_EQ(hak_realloc(address, 10), nullptr);
        expect(HAK_ERROR_FOREIGN_POINTER, "foreign pointer", address, "hak_realloc");
        EXPECT_EQ(hak_usable_size(address), 0u);
        expect(HAK_ERROR_FOREIGN_POINTER, "foreign pointer", address, "hak_usable_size");
    }
    free(foreign);
}

TEST_F(FrontHandler, LeaksABlockThatIsFreedTwice)
{
    for (size_t size : {size_t{48}, 12 * KiB, 3 * MiB}) {
        SCOPED_TRACE(size);
        void *block = hak_alloc(size);
        hak_free(block);
        hak_free(block);
        expect(HAK_ERROR_DOUBLE_FREE, "double free", block, "hak_free");
        void *first = hak_alloc(size);
        void *second = hak_alloc(size);
        EXPECT_NE(first, second);
        hak_free(first);
        hak_free(second);
        EXPECT_EQ(report_.count, 0);
    }
}

TEST_F(FrontHandler, KnowsAFreedLargeBlockBehindASlabOfLongBlocks)
{
    std::vector<void *> blocks;
    for (int i = 0; i < 200; i++) {
        blocks.push_back(hak_alloc(40 * KiB));
        void *large = hak_alloc(300 * KiB);
        hak_free(large);
        hak_free(large);
        ASSERT_NO_FATAL_FAILURE(expect(HAK_ERROR_DOUBLE_FREE, "double free", large, "hak_free"));
    }
    for (void *block : blocks) {
        hak_free(block);
    }
}

TEST_F(FrontHandler, LeaksABlockOfAnotherSizeClass)
{
    for (size_t size : {size_t{48}, size_t{1000}, 12 * KiB, 128 * KiB, 3 * MiB}) {
        SCOPED_TRACE(size);
        uint64_t live = statistics().live_blocks;
        void *block = hak_alloc(size);
        for (size_t wrong : {hak_good_size(size) + 1, 2 * size, size / 2, opaque(SIZE_MAX)}) {
            hak_free_sized(block, wrong);
            expect(HAK_ERROR_WRONG_SIZE_CLASS, "wrong size class", block, "hak_free_sized");
        }
        EXPECT_EQ(statistics().live_blocks, live + 1);
        fill(block, size, 1);
        hak_free_sized(block, size);
        EXPECT_EQ(report_.count, 0);
        EXPECT_EQ(statistics().live_blocks, live);
    }
}

TEST_F(FrontHandler, LeaksABlockOfAnotherAlignment)
{
    for (size_t size : {size_t{48}, 12 * KiB, 128 * KiB, 3 * MiB}) {
        SCOPED_TRACE(size);
        uint64_t live = statistics().live_blocks;
        void *block = hak_alloc(size);
        size_t beyond = (address_of(block) & (~address_of(block) + 1)) * 2;
        for (size_t alignment : {beyond, size_t{0}, size_t{24}}) {
            hak_free_aligned_sized(block, alignment, size);
            expect(HAK_ERROR_WRONG_ALIGNMENT, "wrong alignment", block, "hak_free_aligned_sized");
        }
        EXPECT_EQ(statistics().live_blocks, live + 1);
        hak_free(block);
    }
}

TEST_F(FrontHandler, LeavesTheOtherBlocksOfABatchFreed)
{
    uint64_t live = statistics().live_blocks;
    char *blocks[3];
    for (char *&block : blocks) {
        block = static_cast<char *>(hak_alloc(48));
    }
    void *batch[] = {blocks[0], blocks[1] + 16, blocks[2]};
    hak_free_batch(batch, 3);
    EXPECT_EQ(take().error.address, blocks[1] + 16);
    EXPECT_EQ(statistics().live_blocks, live + 1);
    hak_free(blocks[1]);
}

TEST_F(FrontHandler, RunsOnTheCallingThread)
{
    std::thread::id seen;
    hak_set_error_handler(
        [](const hak_error *, void *arg) { *static_cast<std::thread::id *>(arg) = std::this_thread::get_id(); }, &seen);
    std::thread caller([] { hak_free(pointer_to(64)); });
    std::thread::id expected = caller.get_id();
    caller.join();
    EXPECT_EQ(seen, expected);
}
