// SPDX-License-Identifier: MIT
// One heap for malloc, the hak_ functions, the C library and the C++ library.
#include "entries.h"

#include <gtest/gtest.h>

#include <dirent.h>
#include <wchar.h>

#include <map>
#include <memory>
#include <string>
#include <thread>

using namespace hak_test;

namespace {

/** Whether the C library got the block from hakmem; frees it. */
testing::AssertionResult is_hakmems(void *block)
{
    bool owned = block != nullptr && hak_owns(block);
    free(block);
    return owned ? testing::AssertionSuccess() : testing::AssertionFailure() << "it is not from hakmem";
}

} // namespace

TEST(OverrideOneHeap, EitherFreesWhatTheOtherGave)
{
    uint64_t live = statistics().live_blocks;
    for (size_t size : {size_t{1}, 40 * KiB, 8 * MiB}) {
        void *block = malloc(size);
        EXPECT_TRUE(hak_owns(block));
        hak_free(block);
        free(hak_alloc(size));
        free(hak_strdup("text"));
        hak_free(hak_realloc(realloc(hak_calloc(1, size), size + 1000), size + 2000));
        delete[] static_cast<char *>(hak_alloc(size));
        hak_free(new char[size]);
        hak_free_sized(malloc(size), size);
        free_sized(hak_alloc(size), size);
    }
    EXPECT_EQ(statistics().live_blocks, live);
}

TEST(OverrideOneHeap, HoldsWhatTheCLibraryAllocates)
{
    EXPECT_TRUE(is_hakmems(strdup("text")));
    EXPECT_TRUE(is_hakmems(strndup("text", 2)));
    EXPECT_TRUE(is_hakmems(wcsdup(L"text")));
    EXPECT_TRUE(is_hakmems(realpath("/", nullptr)));
    EXPECT_TRUE(is_hakmems(getcwd(nullptr, 0)));
    char *text = nullptr;
    ASSERT_GT(asprintf(&text, "%d", 100), 0);
    EXPECT_TRUE(is_hakmems(text));
}

TEST(OverrideOneHeap, HoldsTheLinesAndBuffersOfStreams)
{
    char *text = nullptr, *line = nullptr;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    for (int i = 0; i < 10000; i++) {
        fputs("many words ", stream);
    }
    fclose(stream);
    EXPECT_EQ(size, 110000u);
    stream = fmemopen(text, size, "r");
    line = static_cast<char *>(malloc(1)); // it grows
    size = 1;
    EXPECT_EQ(getline(&line, &size, stream), 110000);
    fclose(stream);
    EXPECT_TRUE(is_hakmems(line));
    EXPECT_TRUE(is_hakmems(text));
}

TEST(OverrideOneHeap, HoldsDirectoryEntries)
{
    struct dirent **entries = nullptr;
    int count = scandir("/", &entries, nullptr, alphasort);
    ASSERT_GT(count, 1);
    for (int i = 0; i < count; i++) {
        EXPECT_TRUE(is_hakmems(entries[i]));
    }
    EXPECT_TRUE(is_hakmems(entries));
}

TEST(OverrideOneHeap, HoldsContainersAndTheirContent)
{
    std::string text(1000, 'a');
    std::vector<int> numbers(1000);
    std::map<int, int> map{{1, 1}};
    auto shared = std::make_shared<int>(1);
    EXPECT_TRUE(hak_owns(text.data()));
    EXPECT_TRUE(hak_owns(numbers.data()));
    EXPECT_TRUE(hak_owns(&*map.begin()));
    EXPECT_TRUE(hak_owns(shared.get()));
}

TEST(OverrideOneHeap, IsOneForAllThreads)
{
    uint64_t live = statistics().live_blocks;
    std::vector<void *> blocks(1000);
    std::thread([&] {
        for (void *&block : blocks) {
            block = strdup("made by another thread");
        }
    }).join();
    EXPECT_GE(statistics().live_blocks, live + 1000);
    for (void *block : blocks) {
        ASSERT_TRUE(hak_owns(block));
        free(block);
    }
    EXPECT_LT(statistics().live_blocks, live + 100); // the thread's own records may be kept
}
