// SPDX-License-Identifier: MIT
// The budget from outside: it counts as the kernel does, calls back at soft, refuses at hard, and is survived.
#include "support.h"

#include <gtest/gtest.h>

#include <pthread.h>
#include <sys/wait.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csetjmp>
#include <functional>
#include <thread>

using namespace hak_test;

namespace {

constexpr unsigned HANG_SECONDS = 20;

uint64_t charged()
{
    return statistics().charged_bytes;
}

/** Starts with nothing free, and ends without a budget. */
class FrontBudget : public testing::Test {
protected:
    void SetUp() override
    {
        blocks.resize(1000000, &blocks); // written, so that the list grows no more
        blocks.clear();
        hak_free(hak_alloc(1));
        hak_purge(nullptr);
        before = statistics();
    }
    void TearDown() override
    {
        free_all();
        EXPECT_EQ(hak_budget_set(0, 0, nullptr, nullptr), 0);
        EXPECT_EQ(sum_of_parts(statistics()), statistics().committed_bytes);
    }

    /** Limits so much above what is charged now. */
    void set_above(size_t soft, size_t hard, hak_budget_callback *callback = nullptr, void *arg = nullptr)
    {
        base = charged();
        ASSERT_EQ(hak_budget_set(base + soft, base + hard, callback, arg), 0);
    }
    /** Until there is no memory; returns the bytes that were had. */
    size_t fill_up(size_t size)
    {
        size_t bytes = 0;
        errno = 0;
        for (void *block; (block = hak_alloc(size)) != nullptr; bytes += size) {
            memset(block, 1, size);
            blocks.push_back(block);
        }
        EXPECT_EQ(errno, ENOMEM);
        return bytes;
    }
    void allocate(size_t size, size_t bytes)
    {
        for (size_t had = 0; had < bytes; had += size) {
            void *block = hak_alloc(size);
            ASSERT_NE(block, nullptr);
            memset(block, 1, size);
            blocks.push_back(block);
        }
    }
    void free_all()
    {
        hak_free_batch(blocks.data(), blocks.size());
        blocks.clear();
    }

    hak_stats before;
    uint64_t base = 0;
    std::vector<void *> blocks;
};

/** Counts its calls, and does what the test wants. */
struct Callback {
    static void call(const hak_budget_event *event, void *arg)
    {
        Callback &self = *static_cast<Callback *>(arg);
        EXPECT_EQ(event->size, sizeof *event);
        EXPECT_GT(event->charged_bytes, event->level == HAK_BUDGET_SOFT ? event->soft_bytes : 0);
        EXPECT_EQ(self.depth++, 0) << "two calls at once";
        self.calls[event->level]++;
        self.last = *event;
        self.body();
        self.depth--;
        errno = EDOM;
    }

    std::atomic<int> depth{0};
    std::atomic<int> calls[3] = {};
    hak_budget_event last = {};
    std::function<void()> body = [] {};
};

void sleep_ms(int ms)
{
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

int status_of_child(const std::function<bool()> &body)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        alarm(HANG_SECONDS);
        _exit(body() ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

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

TEST_F(FrontBudget, CallsBackOnceAtATimeForAllThreads)
{
    Callback callback;
    std::atomic<bool> stop{false};
    std::atomic<int> refused{0};
    callback.body = [&] {
        hak_free(hak_alloc(200 * KiB));
        sleep_ms(1);
    };
    set_above(8 * MiB, 16 * MiB, Callback::call, &callback);
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 6; i++) {
        threads.emplace_back([&, i] {
            Random random(i);
            std::vector<void *> own;
            while (!stop) {
                size_t size = 16 + random.below(size_t{1} << (4 + random.below(17)));
                void *block = hak_alloc(size);
                if (block != nullptr) {
                    memset(block, 1, std::min<size_t>(size, 64));
                    own.push_back(block);
                } else {
                    refused++;
                }
                while (!own.empty() && (block == nullptr || random.below(8) == 0)) {
                    hak_free(own.back());
                    own.pop_back();
                    if (block == nullptr && own.size() % 32 == 0) {
                        break;
                    }
                }
            }
            hak_free_batch(own.data(), own.size());
        });
    }
    threads.emplace_back([&] {
        for (int i = 0; i < 50; i++) {
            sleep_ms(10);
            EXPECT_LE(charged(), base + 18 * MiB);
            hak_budget_set(base + 8 * MiB, base + 16 * MiB, Callback::call, &callback);
        }
        stop = true;
    });
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_GT(refused, 0);
    EXPECT_GT(callback.calls[HAK_BUDGET_SOFT] + callback.calls[HAK_BUDGET_HARD], 2);
    ASSERT_EQ(hak_budget_set(0, 0, nullptr, nullptr), 0);
}

TEST_F(FrontBudget, CannotBeCancelledInItsCallback)
{
    if (sanitizer && !thread_sanitizer) {
        GTEST_SKIP() << "gcc's ASan takes what a cancelled thread leaves of its stack for in use";
    }
    Callback callback;
    std::atomic<bool> inside{false}, cancelled{false};
    callback.body = [&] {
        inside = true;
        while (!cancelled) {
            sleep_ms(1);
        }
        pthread_testcancel();
    };
    set_above(1 * MiB, 16 * MiB, Callback::call, &callback);
    std::thread calling([&] {
        hak_free(hak_alloc(2 * MiB));
        pthread_testcancel();
        ADD_FAILURE() << "cancellation was lost";
    });
    while (!inside) {
        std::this_thread::yield();
    }
    pthread_cancel(calling.native_handle());
    cancelled = true;
    calling.join();
    EXPECT_EQ(callback.depth, 0);
    sleep_ms(150);
    hak_free(hak_alloc(4 * MiB));
    EXPECT_EQ(callback.calls[HAK_BUDGET_SOFT], 2);
}

namespace {

/** Jumps out of its first call and returns from the others. */
struct Jump {
    static void call(const hak_budget_event *, void *arg)
    {
        Jump &self = *static_cast<Jump *>(arg);
        if (self.calls++ == 0) {
            longjmp(self.out, 1);
        }
    }
    /** Whether the call was left. */
    __attribute__((noinline)) bool run_short()
    {
        if (setjmp(out) != 0) {
            return true;
        }
        hak_free(hak_alloc(2 * MiB));
        return false;
    }

    jmp_buf out;
    int calls = 0;
};

} // namespace

TEST_F(FrontBudget, IsCalledAgainAfterItsCallbackWasLeft)
{
    Jump jump;
    set_above(1 * MiB, 16 * MiB, Jump::call, &jump);
    EXPECT_TRUE(jump.run_short());
    EXPECT_FALSE(jump.run_short());
    EXPECT_EQ(jump.calls, 2);
}

TEST_F(FrontBudget, IsCalledAgainAfterAThreadEndedThatLeftItsCallback)
{
    Jump jump;
    set_above(1 * MiB, 16 * MiB, Jump::call, &jump);
    std::thread([&] {
        hak_free(hak_alloc(1)); // it has a heap
        EXPECT_TRUE(jump.run_short());
    }).join();
    EXPECT_FALSE(jump.run_short());
    EXPECT_EQ(jump.calls, 2);
}

TEST_F(FrontBudget, IsCalledAgainAfterAThreadWithoutAHeapEndedThatLeftItsCallback)
{
    Jump jump;
    void *block = hak_alloc(100);
    set_above(1 * MiB, 16 * MiB, Jump::call, &jump);
    std::thread([&] {
        hak_free(block); // the first of the few that it frees without a heap
        EXPECT_TRUE(jump.run_short());
    }).join();
    EXPECT_FALSE(jump.run_short());
    EXPECT_EQ(jump.calls, 2);
}

TEST_F(FrontBudget, HoldsInAChildWhoseCallingThreadIsGone)
{
    Callback callback;
    std::atomic<bool> inside{false}, over{false};
    callback.body = [&] {
        inside = true;
        while (!over) {
            sleep_ms(1);
        }
    };
    set_above(1 * MiB, 16 * MiB, Callback::call, &callback);
    std::thread calling([&] { hak_free(hak_alloc(2 * MiB)); });
    while (!inside) {
        std::this_thread::yield();
    }
    EXPECT_EQ(status_of_child([&] {
                  Callback childs;
                  bool set = hak_budget_set(charged() + 1 * MiB, charged() + 8 * MiB, Callback::call, &childs) == 0;
                  hak_free(hak_alloc(2 * MiB));
                  return set && childs.calls[HAK_BUDGET_SOFT] == 1 && hak_alloc(20 * MiB) == nullptr;
              }),
              0);
    over = true;
    calling.join();
}

TEST_F(FrontBudget, HoldsInAChildMadeByACallback)
{
    Callback callback;
    int status = -1;
    callback.body = [&] {
        status = status_of_child([&] {
            int before_it = callback.calls[HAK_BUDGET_SOFT];
            hak_free(hak_alloc(3 * MiB));
            return callback.calls[HAK_BUDGET_SOFT] == before_it && hak_alloc(40 * MiB) == nullptr;
        });
    };
    set_above(1 * MiB, 16 * MiB, Callback::call, &callback);
    hak_free(hak_alloc(2 * MiB));
    EXPECT_EQ(callback.calls[HAK_BUDGET_SOFT], 1);
    EXPECT_EQ(status, 0);
}
