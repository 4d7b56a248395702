// SPDX-License-Identifier: MIT
// Fork while other threads are busy: the child goes on with the memory of threads that it has not.
#include "stamped.h"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <future>
#include <thread>

using namespace hak_test;

namespace {

constexpr unsigned HANG_SECONDS = 20;
constexpr size_t LARGEST = 128 * KiB;

/** Ends a child. A sanitizer's own end-of-process work does not expect the missing threads. */
[[noreturn]] void end_child()
{
    if (sanitizer) {
        _exit(0);
    }
    exit(0);
}

/** Runs `body` in a child process and gives the status it ended with; a child that hangs is killed. */
int status_of_child(const std::function<void()> &body)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        alarm(HANG_SECONDS);
        body();
        end_child();
    }
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

/** Checks and frees what other threads made, allocates, and has threads of its own. */
void live_as_child(Board &board, uint64_t seed)
{
    Random random(seed);
    board.work(random, 1000, LARGEST);
    if (!thread_sanitizer) {
        std::thread threads[2];
        for (std::thread &thread : threads) {
            thread = std::thread([&board, own = random.next()] {
                Random thread_random(own);
                board.work(thread_random, 1000, LARGEST);
            });
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
    }
    board.clear(random);
    hak_purge(nullptr);
}

/** Threads that work on a board while this lives; all have started when it is made, so that a fork meets no lock of a
    sanitizer's that starting threads hold. */
class BusyThreads {
public:
    BusyThreads(Board &board, size_t count, uint64_t seed)
    {
        for (size_t i = 0; i < count; i++) {
            threads_.emplace_back([this, &board, own = seed + i] {
                started_++;
                Random random(own);
                while (!stop_.load(std::memory_order_relaxed)) {
                    board.work(random, 100, LARGEST);
                }
            });
        }
        while (started_ < count) {
            std::this_thread::yield();
        }
    }
    ~BusyThreads()
    {
        stop_ = true;
        for (std::thread &thread : threads_) {
            thread.join();
        }
    }

private:
    std::atomic<size_t> started_{0};
    std::atomic<bool> stop_{false};
    std::vector<std::thread> threads_;
};

} // namespace

TEST(FrontFork, ChildLivesOnWithBusyThreadsGone)
{
    uint64_t seed = seed_for("ChildLivesOnWithBusyThreadsGone");
    uint64_t live = statistics().live_blocks;
    Board board(600);
    {
        BusyThreads busy(board, 8, seed);
        for (uint64_t i = 0; i < 50; i++) {
            ASSERT_EQ(status_of_child([&] { live_as_child(board, seed + i); }), 0) << "child " << i;
        }
    }
    Random random(seed);
    board.clear(random);
    EXPECT_EQ(statistics().live_blocks, live);
}

// Run alone, each child is the first of its process to use hakmem, on two threads at once.
TEST(FrontFork, MayMeetTheFirstAllocation)
{
    for (int i = 0; i < 100; i++) {
        ASSERT_EQ(status_of_child([] {
                      std::atomic<bool> started{false}, finished{false};
                      std::thread([&] {
                          started = true;
                          hak_free(hak_alloc(100));
                          finished = true;
                      }).detach(); // the inner child could not join it
                      while (!started) {
                      }
                      int inner = status_of_child([] { hak_free(hak_alloc(100)); });
                      while (!finished) {
                      }
                      if (inner != 0) {
                          _exit(1);
                      }
                  }),
                  0)
            << "child " << i;
    }
}

// A span in the hand of a thread that is gone would be in no part of the sum.
TEST(FrontFork, ChildLosesNoSpanOfALargeBlockOnItsWay)
{
    constexpr int THREADS = 3, CHILDREN = 40;
    uint64_t seed = seed_for("ChildLosesNoSpanOfALargeBlockOnItsWay");
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < THREADS; i++) {
        threads.emplace_back([&, i] {
            Random random(seed + i);
            if (i % 2 == 0) {
                hak_free(hak_alloc(1)); // it has a heap
            }
            while (!stop) {
                char *block = static_cast<char *>(hak_alloc(300 * KiB + random.below(8 * MiB)));
                *block = 1;
                block = static_cast<char *>(hak_realloc(block, 1 * MiB + random.below(24 * MiB)));
                *block = 2;
                hak_free(block);
                if (random.below(16) == 0) {
                    hak_purge(nullptr);
                }
            }
        });
    }
    for (int i = 0; i < CHILDREN && !HasFailure(); i++) {
        EXPECT_EQ(status_of_child([] {
                      hak_stats stats = statistics();
                      _exit(sum_of_parts(stats) == stats.committed_bytes ? 0 : 1);
                  }),
                  0)
            << "child " << i;
    }
    stop = true;
    for (std::thread &thread : threads) {
        thread.join();
    }
}

TEST(FrontFork, ChildOfAChildLives)
{
    uint64_t seed = seed_for("ChildOfAChildLives");
    Board board(300);
    BusyThreads busy(board, 4, seed);
    int status = status_of_child([&] {
        BusyThreads *busy_in_child = thread_sanitizer ? nullptr : new BusyThreads(board, 2, seed);
        int inner = status_of_child([&] { live_as_child(board, seed); });
        delete busy_in_child;
        if (inner != 0) {
            _exit(1);
        }
    });
    EXPECT_EQ(status, 0);
    Random random(seed);
    board.clear(random);
}

TEST(FrontFork, ChildOfAnotherThreadLives)
{
    uint64_t seed = seed_for("ChildOfAnotherThreadLives");
    Random random(seed);
    Board board(300);
    board.work(random, 1000, LARGEST);
    std::thread([&] {
        Random own(seed + 1);
        board.work(own, 1000, LARGEST);
        EXPECT_EQ(status_of_child([&] { live_as_child(board, seed); }), 0);
        board.work(own, 1000, LARGEST);
    }).join();
    board.clear(random);
}

TEST(FrontFork, ChildUsesTheFreeMemoryOfThreadsThatAreGone)
{
    constexpr size_t size = 1000, count = 64 * MiB / size;
    std::vector<void *> blocks(count);
    std::promise<void> freed, forked;
    std::thread other([&] {
        ASSERT_EQ(hak_alloc_batch(size, count, blocks.data()), count);
        for (size_t i = 0; i < count; i++) {
            if (i % 4 != 0) {
                hak_free(blocks[i]);
                blocks[i] = nullptr;
            }
        }
        freed.set_value();
        forked.get_future().wait();
    });
    freed.get_future().wait();
    EXPECT_EQ(status_of_child([&] {
                  uint64_t committed = statistics().committed_bytes;
                  std::vector<void *> own(count / 2);
                  if (hak_alloc_batch(size, count / 2, own.data()) != count / 2) {
                      _exit(1);
                  }
                  if (statistics().committed_bytes > committed + 3 * count / 8 * size) {
                      _exit(2);
                  }
              }),
              0);
    forked.set_value();
    other.join();
    hak_free_batch(blocks.data(), count);
}

TEST(FrontFork, ChildAndParentDoNotShareWrites)
{
    char *block = static_cast<char *>(hak_alloc(100 * KiB));
    fill(block, 100 * KiB, 1);
    EXPECT_EQ(status_of_child([&] {
                  block = static_cast<char *>(hak_realloc(block, 300 * KiB));
                  bool kept = is_filled(block, 100 * KiB, 1);
                  fill(block, 300 * KiB, 2);
                  hak_free(block);
                  if (!kept) {
                      _exit(1);
                  }
              }),
              0);
    EXPECT_TRUE(is_filled(block, 100 * KiB, 1));
    hak_free_sized(block, 100 * KiB);
}

TEST(FrontFork, ChildMayForkFirstAndAllocateLater)
{
    uint64_t seed = seed_for("ChildMayForkFirstAndAllocateLater");
    for (int i = 0; i < 10; i++) {
        std::thread([&] {
            EXPECT_EQ(status_of_child([&] {
                          Random random(seed);
                          free_stamped(make_stamped(random, 1 * MiB), random);
                      }),
                      0);
        }).join();
    }
}
