// SPDX-License-Identifier: MIT
// The whole library over a system with larger pages, with a limit on what is committed, or that refuses one kind of
// call. HAKMEM_TEST_PAGE_KIB sets the page for all suites of the executable.
#include "fake_os/fake_os.h"
#include "support.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

using namespace hak_test;

namespace {

/** Before hakmem starts. */
class Pages : public testing::Environment {
public:
    void SetUp() override
    {
        const char *kib = getenv("HAKMEM_TEST_PAGE_KIB");
        fake_os::set_page_bytes((kib != nullptr ? strtoul(kib, nullptr, 10) : 4) * KiB);
        fake_os::set_physical_bytes(4096 * MiB);
    }
};

const auto *const pages = testing::AddGlobalTestEnvironment(new Pages);

class FrontSurroundings : public testing::Test {
protected:
    FrontSurroundings() { hak_free(hak_alloc(1)); } // the process has started
    ~FrontSurroundings() override
    {
        fake_os::fail_never();
        fake_os::set_commit_limit_bytes(SIZE_MAX);
        for (const Block &block : blocks) {
            hak_free(block.address);
        }
        hak_purge(nullptr);
    }

    struct Block {
        char *address;
        size_t size;
    };

    bool add(size_t size)
    {
        char *address = static_cast<char *>(hak_alloc(size));
        if (address != nullptr) {
            fill(address, size, size);
            blocks.push_back({address, size});
        }
        return address != nullptr;
    }

    bool resize(Block *block, size_t size)
    {
        char *address = static_cast<char *>(hak_realloc(block->address, size));
        if (address != nullptr) {
            EXPECT_TRUE(is_filled(address, std::min(size, block->size) / 8 * 8, block->size));
            fill(address, size, size);
            *block = {address, size};
        }
        return address != nullptr;
    }

    void free_each(size_t step)
    {
        std::vector<Block> left;
        for (size_t i = 0; i < blocks.size(); i++) {
            EXPECT_TRUE(is_filled(blocks[i].address, blocks[i].size, blocks[i].size));
            if (i % step == 0) {
                hak_free(blocks[i].address);
            } else {
                left.push_back(blocks[i]);
            }
        }
        blocks = left;
    }

    /** Blocks of all kinds that come, grow and go; what is refused must leave ENOMEM. */
    void use()
    {
        Random random(7);
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < 300; i++) {
                size_t size = 1 + random.below(size_t{1} << (4 + random.below(17)));
                errno = 0;
                if (!add(size)) {
                    EXPECT_EQ(errno, ENOMEM);
                }
            }
            for (size_t i = 0; i < blocks.size(); i += 5) {
                errno = 0;
                if (!resize(&blocks[i], 1 + random.below(2 * MiB))) {
                    EXPECT_EQ(errno, ENOMEM);
                }
            }
            free_each(2);
            hak_purge(nullptr);
        }
    }

    std::vector<Block> blocks;
};

class FrontRefused : public FrontSurroundings, public testing::WithParamInterface<hak_os_call> {};

std::string name_of_kind(const testing::TestParamInfo<hak_os_call> &kind)
{
    static const char *const names[] = {"Reserve", "Commit", "Purge", "Release", "Remap", "Advise"};
    return names[kind.param];
}

} // namespace

INSTANTIATE_TEST_SUITE_P(Kinds, FrontRefused,
                         testing::Values(HAK_OS_RESERVE, HAK_OS_COMMIT, HAK_OS_PURGE, HAK_OS_REMAP, HAK_OS_ADVISE),
                         name_of_kind);

TEST_P(FrontRefused, GoesOnWithoutOneKindOfCall)
{
    ASSERT_TRUE(add(5 * MiB));
    fake_os::fail_from(1, GetParam());
    use();
    if (GetParam() == HAK_OS_COMMIT) {
        std::vector<void *> untouched;
        while (void *block = hak_alloc(20 * MiB)) {
            untouched.push_back(block);
        }
        EXPECT_EQ(errno, ENOMEM);
        hak_free_batch(untouched.data(), untouched.size());
    }
    if (GetParam() == HAK_OS_COMMIT || GetParam() == HAK_OS_PURGE || GetParam() == HAK_OS_REMAP) {
        EXPECT_GT(fake_os::failures(), 0u);
    }
    fake_os::fail_never();
    free_each(1);
    size_t before = blocks.size();
    use();
    EXPECT_GE(blocks.size(), before + 100);
    hak_stats stats = statistics();
    EXPECT_EQ(sum_of_parts(stats), stats.committed_bytes);
}

TEST_P(FrontRefused, GoesOnWhereEachTenthCallIsRefused)
{
    fake_os::fail_percent(10, 1, GetParam());
    use();
    fake_os::fail_never();
    free_each(1);
    use();
    hak_stats stats = statistics();
    EXPECT_EQ(sum_of_parts(stats), stats.committed_bytes);
}

TEST_F(FrontSurroundings, UsesWhatMayBeCommittedAndNoMore)
{
    hak_purge(nullptr);
    size_t limit = fake_os::committed_bytes() + 64 * MiB;
    for (size_t size : {size_t{100}, 5000 * size_t{1}, 100 * KiB, 3 * MiB}) {
        SCOPED_TRACE(size);
        fake_os::set_commit_limit_bytes(limit);
        size_t bytes = 0;
        errno = 0;
        while (add(size)) {
            bytes += size;
        }
        EXPECT_EQ(errno, ENOMEM);
        EXPECT_GE(bytes, 48 * MiB);
        EXPECT_LE(fake_os::committed_bytes(), limit);
        errno = 0;
        EXPECT_FALSE(resize(&blocks[0], 80 * MiB));
        EXPECT_EQ(errno, ENOMEM);
        free_each(1);
    }
}

TEST_F(FrontSurroundings, PurgesWholePages)
{
    size_t page = hak_i_os_page_bytes();
    fake_os::forget_calls();
    use();
    EXPECT_FALSE(fake_os::calls(HAK_OS_PURGE).empty());
    for (const fake_os::Call &call : fake_os::calls()) {
        ASSERT_EQ(call.address % page, 0u);
        ASSERT_EQ(call.bytes % page, 0u);
    }
}
