// SPDX-License-Identifier: MIT
// The budget from outside: it counts as the kernel does, calls back at soft, refuses at hard, and is survived.
#include "budget_fixture.h"

using namespace hak_test;

namespace {

/** Memory of no file, which the kernel has given pages to; exact, unlike the sum in statm. */
size_t anonymous_bytes()
{
    char text[2048] = {};
    int file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    const char *line = length > 0 ? strstr(text, "\nAnonymous:") : nullptr;
    return line == nullptr ? 0 : strtoull(line + strlen("\nAnonymous:"), nullptr, 10) * KiB;
}

bool huge_pages_come_unasked()
{
    char text[64] = {};
    int file = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
    bool always = file >= 0 && read(file, text, sizeof text - 1) > 0 && strstr(text, "[always]") != nullptr;
    close(file);
    return always;
}

#define SKIP_WHERE_RESIDENT_MEMORY_MISLEADS()                                                                          \
    if (sanitizer || huge_pages_come_unasked() || anonymous_bytes() == 0) {                                            \
        GTEST_SKIP() << "resident memory is not what was written, or is not told";                                     \
    }

} // namespace

TEST_F(FrontBudget, CountsAsTheKernelDoes)
{
    SKIP_WHERE_RESIDENT_MEMORY_MISLEADS();
    size_t resident_before = anonymous_bytes();
    uint64_t charged_before = charged();
    for (size_t size : {size_t{40}, size_t{300}, 5 * KiB, 30 * KiB, 200 * KiB, 900 * KiB, 5 * MiB}) {
        while (charged() < charged_before + 40 * MiB) {
            for (size_t had = 0; had < 1 * MiB; had += size) {
                blocks.push_back(hak_alloc(size));
                memset(blocks.back(), 1, hak_usable_size(blocks.back()));
            }
        }
        size_t resident = anonymous_bytes() - resident_before;
        EXPECT_GE(charged(), resident) << size;
        EXPECT_LE(charged(), resident + resident / 64 + charged_before) << size;
        free_all();
        hak_purge(nullptr);
        resident = anonymous_bytes() - resident_before;
        EXPECT_GE(charged(), resident) << size;
        EXPECT_LE(charged(), charged_before + 1 * MiB) << size;
    }
}

TEST_F(FrontBudget, HoldsWhatIsResident)
{
    SKIP_WHERE_RESIDENT_MEMORY_MISLEADS();
    size_t resident_before = anonymous_bytes();
    ASSERT_EQ(hak_budget_set(40 * MiB, 48 * MiB, nullptr, nullptr), 0);
    for (size_t size : {size_t{100}, 3 * KiB, 70 * KiB, 700 * KiB}) {
        size_t had = fill_up(size);
        size_t resident = anonymous_bytes() - resident_before;
        EXPECT_LE(resident, 48 * MiB) << size;
        EXPECT_GE(resident, had) << size;
        EXPECT_GE(had, 40 * MiB) << size;
        free_all();
    }
}

TEST_F(FrontBudget, RefusesPastHardAndGoesOnAfter)
{
    for (size_t size : {size_t{16}, size_t{1000}, 20 * KiB, 100 * KiB, 300 * KiB, 2 * MiB}) {
        hak_purge(nullptr);
        set_above(0, 24 * MiB);
        for (int round = 0; round < 3; round++) {
            size_t had = fill_up(size);
            EXPECT_LE(charged(), base + 24 * MiB + 512 * KiB) << size;
            EXPECT_GE(had, 20 * MiB) << size << " in round " << round;
            free_all();
        }
    }
}

TEST_F(FrontBudget, ServesOtherSizesFromWhatWasFreed)
{
    set_above(20 * MiB, 24 * MiB);
    for (int round = 0; round < 2; round++) {
        for (size_t size : {size_t{16}, 20 * KiB, 300 * KiB, size_t{1000}, 2 * MiB, 100 * KiB}) {
            EXPECT_GE(fill_up(size), 20 * MiB) << size;
            free_all();
        }
    }
}

TEST_F(FrontBudget, IsSurvivedByEveryFunction)
{
    set_above(4 * MiB, 8 * MiB);
    void *small = hak_alloc(100), *pool = hak_alloc(40 * KiB), *large = hak_alloc(1 * MiB);
    fill(small, 100, 1);
    fill(pool, 40 * KiB, 2);
    fill(large, 1 * MiB, 3);
    fill_up(100 * KiB);
    fill_up(1 * KiB);
    void *out = small, *many[4];
    auto refused = [](const void *block) { return block == nullptr && std::exchange(errno, 0) == ENOMEM; };
    std::string text(100 * KiB, 'x');
    EXPECT_TRUE(refused(hak_alloc(1 * MiB)));
    EXPECT_TRUE(refused(hak_zalloc(1 * MiB)));
    EXPECT_TRUE(refused(hak_zalloc(100 * KiB)));
    EXPECT_TRUE(refused(hak_calloc(100, 10 * KiB)));
    EXPECT_TRUE(refused(hak_realloc(small, 1 * MiB)));
    EXPECT_TRUE(refused(hak_realloc(pool, 200 * KiB)));
    EXPECT_TRUE(refused(hak_realloc(pool, 400 * KiB)));
    EXPECT_TRUE(refused(hak_realloc(large, 3 * MiB)));
    EXPECT_TRUE(refused(hak_reallocarray(large, 3, 1 * MiB)));
    EXPECT_TRUE(refused(hak_aligned_alloc(64 * KiB, 1 * MiB)));
    EXPECT_TRUE(refused(hak_strdup(text.c_str())));
    EXPECT_TRUE(refused(hak_strndup(text.c_str(), 90 * KiB)));
    EXPECT_EQ(hak_posix_memalign(&out, 4 * KiB, 1 * MiB), ENOMEM);
    EXPECT_EQ(out, small);
    EXPECT_EQ(hak_alloc_batch(1 * MiB, 4, many), 0u);
    EXPECT_TRUE(refused(nullptr));
    EXPECT_TRUE(is_filled(small, 100, 1) && is_filled(pool, 40 * KiB, 2) && is_filled(large, 1 * MiB, 3));
    EXPECT_EQ(statistics().budget_refusals, before.budget_refusals + 2 + 14);
    EXPECT_EQ(hak_realloc(large, 512 * KiB), large);
    for (void *block : {small, pool, large}) {
        hak_free(block);
    }
    void *again = hak_alloc(512 * KiB);
    EXPECT_NE(again, nullptr);
    hak_free(again);
}

TEST_F(FrontBudget, LetsABlockGrowUpToIt)
{
    set_above(60 * MiB, 64 * MiB);
    char *block = nullptr;
    size_t size = 1000;
    for (char *grown; (grown = static_cast<char *>(hak_realloc(block, size * 9 / 8))) != nullptr;) {
        block = grown;
        size = size * 9 / 8;
        memset(block, 1, size);
    }
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_GE(size, 50 * MiB);
    hak_free(block);
}

TEST_F(FrontBudget, CallsBackPastSoft)
{
    Callback callback;
    set_above(4 * MiB, 16 * MiB, Callback::call, &callback);
    allocate(16 * KiB, 3 * MiB);
    EXPECT_EQ(callback.calls[HAK_BUDGET_SOFT], 0);
    errno = ERANGE;
    allocate(16 * KiB, 2 * MiB);
    EXPECT_EQ(errno, ERANGE);
    EXPECT_EQ(callback.calls[HAK_BUDGET_SOFT], 1);
    EXPECT_EQ(callback.calls[HAK_BUDGET_HARD], 0);
    EXPECT_EQ(callback.last.soft_bytes, base + 4 * MiB);
    EXPECT_EQ(callback.last.hard_bytes, base + 16 * MiB);
    EXPECT_LE(callback.last.charged_bytes, base + 5 * MiB);
    EXPECT_EQ(statistics().budget_soft_events, before.budget_soft_events + 1);
}

TEST_F(FrontBudget, FirstGivesBackItsOwn)
{
    Callback callback;
    allocate(200, 8 * MiB);
    std::thread([] { // whose heap is idle afterwards
        std::vector<void *> own(4000);
        ASSERT_EQ(hak_alloc_batch(1000, own.size(), own.data()), own.size());
        hak_free_batch(own.data(), own.size());
    })
        .join();
    free_all();
    hak_stats stats = statistics();
    ASSERT_GT(stats.partial_bytes, 512 * KiB);
    set_above(0, 0, Callback::call, &callback);
    blocks.push_back(hak_alloc(stats.dirty_bytes + stats.partial_bytes / 4 * 3)); // what heaps keep has to go for it
    EXPECT_NE(blocks.back(), nullptr);
    EXPECT_LE(charged(), base);
    EXPECT_EQ(callback.calls[HAK_BUDGET_SOFT], 0);
    EXPECT_EQ(callback.calls[HAK_BUDGET_HARD], 0);
}

TEST_F(FrontBudget, CallsBackBeforeItRefuses)
{
    Callback callback;
    std::vector<void *> cache;
    callback.body = [&] {
        if (callback.last.level == HAK_BUDGET_HARD) {
            hak_free_batch(cache.data(), cache.size());
            cache.clear();
        }
    };
    set_above(16 * MiB, 16 * MiB, Callback::call, &callback);
    cache.resize(8);
    ASSERT_EQ(hak_alloc_batch(1 * MiB, cache.size(), cache.data()), cache.size());
    allocate(1 * MiB, 15 * MiB); // the cache gave way
    EXPECT_EQ(callback.calls[HAK_BUDGET_HARD], 1);
    EXPECT_EQ(statistics().budget_refusals, before.budget_refusals);
    EXPECT_EQ(hak_alloc(2 * MiB), nullptr);
    EXPECT_EQ(statistics().budget_refusals, before.budget_refusals + 1);
}

TEST_F(FrontBudget, AsksNobodyForWhatItCanNeverAllow)
{
    Callback callback;
    set_above(4 * MiB, 8 * MiB, Callback::call, &callback);
    EXPECT_EQ(hak_alloc(base + 9 * MiB), nullptr);
    EXPECT_EQ(callback.calls[HAK_BUDGET_HARD], 0);
    EXPECT_EQ(statistics().budget_refusals, before.budget_refusals + 1);
}

TEST_F(FrontBudget, CallsBackWhereOnlyRoundingUpPassesIt)
{
    Callback callback;
    set_above(1 * MiB + 8 * KiB, 1 * MiB + 8 * KiB, Callback::call, &callback);
    EXPECT_EQ(hak_alloc(1 * MiB + 4 * KiB), nullptr);
    EXPECT_EQ(callback.calls[HAK_BUDGET_HARD], 1);
    EXPECT_EQ(statistics().budget_refusals, before.budget_refusals + 1);
}

TEST_F(FrontBudget, CallsBackWhereOnlyAHugePagePassesIt)
{
    char thp[16] = {};
    ASSERT_EQ(hak_option_get("thp", thp, sizeof thp), 0);
    if (strcmp(thp, "always") != 0) {
        GTEST_SKIP() << "asks for huge pages with HAKMEM_THP=always";
    }
    Callback callback;
    set_above(1 * MiB, 1 * MiB, Callback::call, &callback);
    fill_up(256 * KiB); // what is there of the pages that are open
    ASSERT_EQ(hak_budget_set(charged() + 1 * MiB, charged() + 1 * MiB, Callback::call, &callback), 0);
    int calls = callback.calls[HAK_BUDGET_HARD];
    uint64_t refusals = statistics().budget_refusals;
    EXPECT_EQ(hak_alloc(512 * KiB), nullptr);
    EXPECT_EQ(callback.calls[HAK_BUDGET_HARD], calls + 1);
    EXPECT_EQ(statistics().budget_refusals, refusals + 1);
}

TEST_F(FrontBudget, DoesNotCallForABlockThatFindsRoomToGrow)
{
    Callback callback;
    void *block = hak_alloc(12 * MiB);
    allocate(40 * KiB, 8 * MiB);
    free_all();
    hak_stats stats = statistics();
    ASSERT_GT(stats.partial_bytes, 512 * KiB);
    set_above(0, 0, Callback::call, &callback);
    block = hak_realloc(block, 12 * MiB + stats.dirty_bytes + stats.partial_bytes / 4 * 3);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(callback.calls[HAK_BUDGET_HARD], 0);
    EXPECT_EQ(callback.calls[HAK_BUDGET_SOFT], 0);
    hak_free(block);
}

TEST_F(FrontBudget, ACacheThatGivesWayIsCalledAsOftenAsNeeded)
{
    Callback callback;
    callback.body = [&] { // the newer half
        size_t kept = blocks.size() / 2;
        hak_free_batch(blocks.data() + kept, blocks.size() - kept);
        blocks.resize(kept);
    };
    set_above(16 * MiB, 24 * MiB, Callback::call, &callback);
    for (int i = 0; i < 20000; i++) {
        void *block = hak_alloc(20 * KiB);
        ASSERT_NE(block, nullptr);
        blocks.push_back(block);
    }
    EXPECT_GE(callback.calls[HAK_BUDGET_SOFT], 30);
    EXPECT_EQ(callback.calls[HAK_BUDGET_HARD], 0);
}

TEST_F(FrontBudget, ACallbackThatDoesNotHelpRests)
{
    Callback callback;
    set_above(1 * MiB, 64 * MiB, Callback::call, &callback);
    auto start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(350)) {
        if (blocks.size() < 60 * 16) {
            allocate(64 * KiB, 64 * KiB);
            sleep_ms(1);
        }
    }
    EXPECT_GE(callback.calls[HAK_BUDGET_SOFT], 2);
    EXPECT_LE(callback.calls[HAK_BUDGET_SOFT], 5);
}

TEST_F(FrontBudget, ItsCallbackMayDoEverything)
{
    Callback callback;
    callback.body = [&] {
        std::vector<void *> own;
        for (void *block; (block = hak_alloc(100 * KiB)) != nullptr;) {
            own.push_back(block);
        }
        EXPECT_EQ(own.size() > 10, callback.last.level == HAK_BUDGET_SOFT);
        hak_free_batch(own.data(), own.size());
        hak_purge(nullptr);
        statistics();
    };
    set_above(4 * MiB, 8 * MiB, Callback::call, &callback);
    fill_up(64 * KiB);
    EXPECT_GE(callback.calls[HAK_BUDGET_SOFT], 1);
    EXPECT_GE(callback.calls[HAK_BUDGET_HARD], 1);
}

TEST_F(FrontBudget, ItsCallbackMayRaiseOrRemoveIt)
{
    Callback callback;
    callback.body = [&] {
        uint64_t more = callback.last.hard_bytes + 8 * MiB;
        bool enough = more > base + 40 * MiB;
        EXPECT_EQ(hak_budget_set(enough ? 0 : more - 2 * MiB, enough ? 0 : more, Callback::call, &callback), 0);
    };
    set_above(6 * MiB, 8 * MiB, Callback::call, &callback);
    allocate(64 * KiB, 100 * MiB);
    EXPECT_GE(callback.calls[HAK_BUDGET_SOFT], 4);
    EXPECT_EQ(statistics().budget_hard_bytes, 0u);
}

TEST_F(FrontBudget, MayBeBelowWhatIsCharged)
{
    Callback callback;
    allocate(64 * KiB, 8 * MiB);
    ASSERT_EQ(hak_budget_set(1, 2, Callback::call, &callback), 0);
    EXPECT_EQ(callback.calls[HAK_BUDGET_SOFT], 1) << "at once";
    EXPECT_EQ(hak_alloc(64 * KiB), nullptr);
    hak_free(blocks.back());
    blocks.back() = hak_alloc(64 * KiB);
    ASSERT_EQ(hak_budget_set(0, 0, nullptr, nullptr), 0);
    allocate(64 * KiB, 8 * MiB);
}

TEST_F(FrontBudget, RefusesLimitsThatContradictEachOther)
{
    ASSERT_EQ(hak_budget_set(5 * MiB, 6 * MiB, nullptr, nullptr), 0);
    EXPECT_EQ(hak_budget_set(2, 1, nullptr, nullptr), EINVAL);
    EXPECT_EQ(hak_budget_set(1, 0, nullptr, nullptr), EINVAL);
    EXPECT_EQ(hak_budget_set(SIZE_MAX, 0, nullptr, nullptr), EINVAL);
    EXPECT_EQ(statistics().budget_soft_bytes, 5 * MiB);
    EXPECT_EQ(statistics().budget_hard_bytes, 6 * MiB);
}

TEST_F(FrontBudget, CompletesItsLimits)
{
    auto limits = [](size_t soft, size_t hard) {
        EXPECT_EQ(hak_budget_set(soft, hard, nullptr, nullptr), 0);
        hak_stats stats = statistics();
        return std::make_pair(stats.budget_soft_bytes, stats.budget_hard_bytes);
    };
    using Limits = std::pair<uint64_t, uint64_t>;
    constexpr size_t NONE = SIZE_MAX;
    EXPECT_EQ(limits(0, 100 * MiB), Limits(90 * MiB, 100 * MiB));
    EXPECT_EQ(limits(70 * MiB, NONE), Limits(70 * MiB, 0));
    EXPECT_EQ(limits(NONE, 70 * MiB), Limits(70 * MiB, 70 * MiB));
    EXPECT_EQ(limits(70 * MiB, 70 * MiB), Limits(70 * MiB, 70 * MiB));
    EXPECT_EQ(limits(NONE, NONE), Limits(0, 0));
    EXPECT_EQ(limits(1, 2), Limits(1, 2));
    EXPECT_EQ(limits(0, NONE), Limits(0, 0));
    EXPECT_EQ(limits(0, 0), Limits(0, 0));
}

TEST_F(FrontBudget, WithoutHardOnlyCallsBack)
{
    Callback callback;
    ASSERT_EQ(hak_budget_set(charged() + 1 * MiB, SIZE_MAX, Callback::call, &callback), 0);
    allocate(64 * KiB, 32 * MiB);
    EXPECT_GE(callback.calls[HAK_BUDGET_SOFT], 1);
    EXPECT_EQ(callback.calls[HAK_BUDGET_HARD], 0);
    EXPECT_EQ(callback.last.hard_bytes, SIZE_MAX);
}
