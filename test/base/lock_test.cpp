// SPDX-License-Identifier: MIT
#include "base/check.h"
#include "base/lock.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace {

hak_lock lock_of(hak_lock_rank rank)
{
    hak_lock lock;
    hak_i_base_lock_init(&lock, rank);
    return lock;
}

bool is_free(hak_lock *lock)
{
    bool taken = false;
    std::thread([&] {
        taken = hak_i_base_lock_try(lock);
        if (taken) {
            hak_i_base_unlock(lock);
        }
    }).join();
    return taken;
}

} // namespace

TEST(BaseLock, KeepsOthersOut)
{
    hak_lock lock = lock_of(HAK_RANK_ARENA);
    EXPECT_TRUE(is_free(&lock));
    hak_i_base_lock(&lock);
    EXPECT_FALSE(is_free(&lock));
    hak_i_base_unlock(&lock);
    EXPECT_TRUE(is_free(&lock));
}

TEST(BaseLock, IsReadyByItsInitializer)
{
    static hak_lock lock = HAK_LOCK_INITIALIZER(HAK_RANK_START);
    hak_i_base_lock(&lock);
    EXPECT_FALSE(is_free(&lock));
    hak_i_base_unlock(&lock);
}

TEST(BaseLock, TryFailsOnALockOfOnesOwn)
{
    hak_lock lock = lock_of(HAK_RANK_ARENA);
    ASSERT_TRUE(hak_i_base_lock_try(&lock));
    EXPECT_FALSE(hak_i_base_lock_try(&lock));
    hak_i_base_unlock(&lock);
}

TEST(BaseLock, CountsRightUnderContention)
{
    constexpr int THREADS = 4;
    constexpr int ROUNDS = 20000;
    hak_lock lock = lock_of(HAK_RANK_ARENA);
    int counter = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < THREADS; i++) {
        threads.emplace_back([&] {
            for (int round = 0; round < ROUNDS; round++) {
                hak_i_base_lock(&lock);
                counter++;
                hak_i_base_unlock(&lock);
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(counter, THREADS * ROUNDS);
}

TEST(BaseLock, SleepsUntilTheHolderLetsGo)
{
    hak_lock lock = lock_of(HAK_RANK_ARENA);
    bool seen = false;
    hak_i_base_lock(&lock);
    std::thread waiter([&] {
        hak_i_base_lock(&lock);
        seen = true;
        hak_i_base_unlock(&lock);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(seen); // under the lock
    hak_i_base_unlock(&lock);
    waiter.join();
    EXPECT_TRUE(seen);
}

TEST(BaseLock, AllowsRisingRanks)
{
    hak_lock heaps = lock_of(HAK_RANK_HEAPS);
    hak_lock arena = lock_of(HAK_RANK_ARENA);
    hak_lock meta = lock_of(HAK_RANK_META);
    hak_i_base_lock(&heaps);
    hak_i_base_lock(&arena);
    hak_i_base_lock(&meta);
    hak_i_base_unlock(&heaps);
    hak_i_base_unlock(&meta);
    hak_i_base_lock(&meta);
    hak_i_base_unlock(&meta);
    hak_i_base_unlock(&arena);
}

TEST(BaseLockDeathTest, StopsOnFallingRanks)
{
    if (!HAK_DEBUG) {
        GTEST_SKIP() << "ranks are checked with HAK_DEBUG only";
    }
    hak_lock arena = lock_of(HAK_RANK_ARENA);
    for (hak_lock_rank rank : {HAK_RANK_HEAPS, HAK_RANK_ARENA}) {
        hak_lock second = lock_of(rank);
        auto take_both = [&] {
            hak_i_base_lock(&arena);
            hak_i_base_lock(&second);
        };
        EXPECT_EXIT(take_both(), testing::KilledBySignal(SIGABRT), "^hakmem: internal error: .*rank order");
    }
}

TEST(BaseLockDeathTest, StopsOnReentry)
{
    hak_lock lock = lock_of(HAK_RANK_ARENA);
    auto take_twice = [&] {
        hak_i_base_lock(&lock);
        hak_i_base_lock(&lock);
    };
    EXPECT_EXIT(take_twice(), testing::KilledBySignal(SIGABRT), "^hakmem: called from a signal handler");
}
