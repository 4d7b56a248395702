// SPDX-License-Identifier: MIT
// The system refuses in the middle of a batch.
#include "fake_os/fake_os.h"
#include "support.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

using namespace hak_test;

TEST(FrontExhaustion, ABatchGivesWhatThereWasAndSaysSo)
{
    hak_free(hak_alloc(1)); // the process has started
    for (size_t size : {size_t{64}, size_t{1000}, 20 * KiB, 200 * KiB, 1 * MiB}) {
        SCOPED_TRACE(size);
        std::vector<void *> blocks(120 * MiB / size);
        uint64_t live = statistics().live_blocks;
        errno = 0;
        fake_os::fail_from(3);
        size_t obtained = hak_alloc_batch(size, blocks.size(), blocks.data());
        EXPECT_EQ(errno, ENOMEM);
        EXPECT_EQ(hak_alloc_batch(size, blocks.size() - obtained, blocks.data() + obtained), 0u);
        fake_os::fail_never();
        ASSERT_LT(obtained, blocks.size());
        EXPECT_GT(obtained, 0u);
        EXPECT_EQ(std::set<void *>(blocks.begin(), blocks.begin() + static_cast<long>(obtained)).size(), obtained);
        EXPECT_EQ(statistics().live_blocks, live + obtained);
        for (size_t i = 0; i < obtained; i++) {
            memset(blocks[i], 1, size);
        }
        hak_free_batch(blocks.data(), obtained);
        EXPECT_EQ(statistics().live_blocks, live);
        ASSERT_EQ(hak_alloc_batch(size, 100 * KiB / size + 1, blocks.data()), 100 * KiB / size + 1) << "usable again";
        hak_free_batch(blocks.data(), 100 * KiB / size + 1);
    }
}

// Where a whole growth step is refused, what lies behind a block is not usable.
TEST(FrontExhaustion, ReallocReadsNoMoreThanTheBlock)
{
    hak_free(hak_alloc(1)); // the process has started
    std::vector<void *> blocks;
    for (size_t n = 1; n <= 8; n++) {
        fake_os::fail_once(n, HAK_OS_COMMIT);
        void *block = hak_aligned_alloc(4 * MiB, 100);
        fake_os::fail_never();
        if (block == nullptr) {
            continue;
        }
        memset(block, 7, 100);
        block = hak_realloc(block, 50000);
        ASSERT_NE(block, nullptr) << n;
        EXPECT_EQ(static_cast<char *>(block)[99], 7);
        blocks.push_back(block);
    }
    EXPECT_GT(blocks.size(), 4u);
    hak_free_batch(blocks.data(), blocks.size());
}
