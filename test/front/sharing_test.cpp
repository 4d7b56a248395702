// SPDX-License-Identifier: MIT
// No cache line holds blocks of two threads: neither when blocks are first handed out, nor when another thread has
// freed them. What is left of it: the slabs of a thread that ended go to others, with the blocks in them that still
// live.
#include "support.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

using namespace hak_test;

namespace {

constexpr size_t LINE_BYTES = 64;
constexpr size_t SIZES[] = {8, 16, 24, 32, 48, 64, 80, 1000, 1500};

/** Threads of which one at a time does a step, the next one the next. */
class Turns {
public:
    explicit Turns(size_t threads) : threads_(threads) {}

    void run(size_t steps, const std::function<void(size_t thread)> &body)
    {
        std::vector<std::thread> threads;
        for (size_t i = 0; i < threads_; i++) {
            threads.emplace_back([&, i] {
                for (size_t step = 0; step < steps; step++) {
                    std::unique_lock<std::mutex> lock(mutex_);
                    changed_.wait(lock, [&] { return turn_ % threads_ == i; });
                    body(i);
                    turn_++;
                    changed_.notify_all();
                }
                wait_for_all(steps);
            });
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
    }

private:
    /** A thread that ends would leave its slabs to the others. */
    void wait_for_all(size_t steps)
    {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [&] { return turn_ == steps * threads_; });
    }

    const size_t threads_;
    size_t turn_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
};

/** Whose blocks are on which line. */
class Lines {
public:
    /** False: there are another's. */
    bool add(const void *block, size_t size, size_t thread)
    {
        bool alone = true;
        for (uintptr_t line = address_of(block) / LINE_BYTES; line <= (address_of(block) + size - 1) / LINE_BYTES;
             line++) {
            alone = owners_.emplace(line, thread).first->second == thread && alone;
        }
        return alone;
    }

private:
    std::map<uintptr_t, size_t> owners_;
};

void free_all(const std::vector<void *> &blocks)
{
    for (void *block : blocks) {
        hak_free(block);
    }
}

TEST(FrontSharing, BlocksOfTwoThreadsAreFirstHandedOutOnDifferentLines)
{
    constexpr size_t THREADS = 4, STEPS = 1000;
    for (size_t size : SIZES) {
        Lines lines;
        std::vector<void *> blocks;
        size_t shared = 0;
        Turns(THREADS).run(STEPS, [&](size_t thread) {
            blocks.push_back(hak_alloc(size));
            shared += lines.add(blocks.back(), size, thread) ? 0 : 1;
        });
        EXPECT_EQ(shared, 0u) << size << " bytes";
        free_all(blocks);
    }
}

/** Each second block goes to another thread, which frees it and allocates as many of its own. */
TEST(FrontSharing, WhoFreesAnothersBlockDoesNotGetIt)
{
    constexpr size_t BLOCKS = 4000;
    for (size_t size : SIZES) {
        std::vector<void *> kept, passed, others(BLOCKS);
        Lines lines;
        for (size_t i = 0; i < BLOCKS; i++) {
            (i % 2 == 0 ? kept : passed).push_back(hak_alloc(size));
        }
        for (void *block : kept) {
            ASSERT_TRUE(lines.add(block, size, 0));
        }
        size_t shared = 0;
        std::thread([&] {
            free_all(passed);
            for (void *&block : others) {
                block = hak_alloc(size);
                shared += lines.add(block, size, 1) ? 0 : 1;
            }
        }).join();
        EXPECT_EQ(shared, 0u) << size << " bytes";
        free_all(kept);
        free_all(others);
    }
}

/** As the programs cache-scratch do: neighbours go to a thread each, which replaces its own time and again. */
TEST(FrontSharing, ThreadsThatReplaceNeighboursAreApartFromThenOn)
{
    constexpr size_t THREADS = 4, STEPS = 200;
    for (size_t size : SIZES) {
        std::vector<void *> blocks(THREADS);
        for (void *&block : blocks) {
            block = hak_alloc(size);
        }
        Lines lines;
        size_t shared = 0;
        Turns(THREADS).run(STEPS, [&](size_t thread) {
            hak_free(blocks[thread]);
            blocks[thread] = hak_alloc(size);
            shared += lines.add(blocks[thread], size, thread) ? 0 : 1;
        });
        EXPECT_EQ(shared, 0u) << size << " bytes";
        free_all(blocks);
    }
}

} // namespace
