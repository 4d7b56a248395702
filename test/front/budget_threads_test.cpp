// SPDX-License-Identifier: MIT
// The budget's callback where threads meet in it, end in it, jump out of it, or fork.
#include "budget_fixture.h"

#include <pthread.h>
#include <sys/wait.h>

#include <csetjmp>

using namespace hak_test;

namespace {

constexpr unsigned HANG_SECONDS = 20;

using FrontBudgetThreads = FrontBudget;

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

TEST_F(FrontBudgetThreads, CallsBackOnceAtATimeForAllThreads)
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

TEST_F(FrontBudgetThreads, CannotBeCancelledInItsCallback)
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

TEST_F(FrontBudgetThreads, IsCalledAgainAfterItsCallbackWasLeft)
{
    Jump jump;
    set_above(1 * MiB, 16 * MiB, Jump::call, &jump);
    EXPECT_TRUE(jump.run_short());
    EXPECT_FALSE(jump.run_short());
    EXPECT_EQ(jump.calls, 2);
}

TEST_F(FrontBudgetThreads, IsCalledAgainAfterAThreadEndedThatLeftItsCallback)
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

TEST_F(FrontBudgetThreads, IsCalledAgainAfterAThreadWithoutAHeapEndedThatLeftItsCallback)
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

TEST_F(FrontBudgetThreads, HoldsInAChildWhoseCallingThreadIsGone)
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

TEST_F(FrontBudgetThreads, HoldsInAChildMadeByACallback)
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
