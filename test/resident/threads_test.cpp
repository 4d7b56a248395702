// SPDX-License-Identifier: MIT
// What threads leave resident: idle ones, ones that only free, ones that end, and the queues between them.
#include "front/support.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <iterator>
#include <mutex>
#include <thread>

using namespace hak_test;

namespace {

#define SKIP_WHERE_RESIDENT_MEMORY_MISLEADS()                                                                          \
    if (sanitizer) {                                                                                                   \
        GTEST_SKIP() << "a sanitizer's shadow is part of the resident memory";                                         \
    }

void *allocate_written(size_t size)
{
    void *block = hak_alloc(size);
    memset(block, 1, size);
    return block;
}

/** Threads that have done something once and then wait until this ends. */
class Waiting {
public:
    Waiting(size_t count, const std::function<void()> &something)
    {
        for (size_t i = 0; i < count; i++) {
            threads_.emplace_back([this, something] {
                something();
                std::unique_lock<std::mutex> lock(mutex_);
                arrived_++;
                changed_.notify_all();
                changed_.wait(lock, [this] { return over_; });
            });
        }
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [this] { return arrived_ == threads_.size(); });
    }
    Waiting(const Waiting &) = delete;
    Waiting &operator=(const Waiting &) = delete;
    ~Waiting()
    {
        {
            std::lock_guard<std::mutex> lock(mutex_);
            over_ = true;
        }
        changed_.notify_all();
        for (std::thread &thread : threads_) {
            thread.join();
        }
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    size_t arrived_ = 0;
    bool over_ = false;
    std::vector<std::thread> threads_;
};

/** Blocks on their way to another thread, of which only so many fit. */
class Queue {
public:
    explicit Queue(size_t places) : places_(places) {}

    void push(void *block)
    {
        while (!try_push(block)) {
            std::this_thread::yield();
        }
    }

    /** NULL: there is none now. */
    void *pop()
    {
        std::lock_guard<std::mutex> lock(mutex_);
        return popped_ == pushed_ ? nullptr : places_[popped_++ % places_.size()];
    }

private:
    bool try_push(void *block)
    {
        std::lock_guard<std::mutex> lock(mutex_);
        if (pushed_ - popped_ == places_.size()) {
            return false;
        }
        places_[pushed_++ % places_.size()] = block;
        return true;
    }

    std::mutex mutex_;
    std::vector<void *> places_;
    size_t pushed_ = 0, popped_ = 0;
};

/** Frees what comes, and does nothing else, until there is nothing and none will come. */
void only_free(Queue &queue, size_t frees_a_look, const std::atomic<bool> &no_more, size_t *peak)
{
    for (size_t freed = 0;;) {
        const bool last = no_more;
        if (void *block = queue.pop()) {
            hak_free(block);
            *peak = freed++ % frees_a_look == 0 ? std::max(*peak, resident_bytes()) : *peak;
        } else if (last) {
            return;
        } else {
            std::this_thread::yield();
        }
    }
}

/** What waits is no more than one live set. */
size_t queue_places(size_t live_count)
{
    return std::min<size_t>(4096, live_count);
}

/** Producers with a live set each, whose replaced blocks one thread frees; what was resident at most. */
size_t peak_of_replacing(size_t producers, size_t live_count, size_t replacements, size_t size)
{
    const size_t places = queue_places(live_count);
    Queue queue(places);
    std::atomic<bool> no_more{false};
    size_t peak = 0;
    std::thread freeing([&] { only_free(queue, std::max<size_t>(places, 64), no_more, &peak); });
    {
        std::vector<std::thread> threads;
        for (size_t i = 0; i < producers; i++) {
            threads.emplace_back([&, i] {
                Random random(i);
                std::vector<void *> live(live_count);
                for (size_t done = 0; done < live_count + replacements; done++) {
                    void *&block = live[done < live_count ? done : random.below(live_count)];
                    if (block != nullptr) {
                        queue.push(block);
                    }
                    block = allocate_written(size);
                }
                for (void *block : live) {
                    queue.push(block);
                }
            });
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
    }
    no_more = true;
    freeing.join();
    return peak;
}

/** Starts with nothing free; while it lives, nothing is kept beyond the plain bound, however soon memory is re-used. */
class ResidentThreads : public testing::Test {
protected:
    void SetUp() override
    {
        hak_purge(nullptr);
        ASSERT_EQ(hak_option_set("reuse_max", "0"), 0);
    }
    void TearDown() override { EXPECT_EQ(hak_option_set("reuse_max", "64M"), 0); }
};

} // namespace

TEST_F(ResidentThreads, AnIdleOneAddsAtMost64KiB)
{
    SKIP_WHERE_RESIDENT_MEMORY_MISLEADS();
    constexpr size_t count = 200;
    Waiting first(count, [] {}); // of the C library: stacks and what belongs to them
    const size_t before = resident_bytes();
    size_t without;
    {
        Waiting silent(count, [] {});
        without = resident_bytes() - before;
    }
    Waiting idle(count, [] { hak_free(allocate_written(100)); });
    const size_t with = resident_bytes() - before;
    printf("%.1f KiB a thread\n", (static_cast<double>(with) - static_cast<double>(without)) / count / KiB);
    EXPECT_LE(with, without + count * 64 * KiB);
}

TEST_F(ResidentThreads, OneThatOnlyFreesKeepsNothing)
{
    SKIP_WHERE_RESIDENT_MEMORY_MISLEADS();
    for (size_t size : {100, 592, 5000, 70000}) {
        hak_purge(nullptr);
        const size_t before = resident_bytes(), live = 16 * MiB;
        const size_t peak = peak_of_replacing(1, live / size, 256 * MiB / size, size);
        printf("%zu bytes: %.1f MiB\n", size, static_cast<double>(peak - before) / MiB);
        EXPECT_LE(peak, before + (live + queue_places(live / size) * size) * 5 / 4 + 8 * MiB) << size;
    }
}

/* mimalloc's issue 1364: sixteen producers of blocks of 592 bytes, and a thread that has never allocated frees them. */
TEST_F(ResidentThreads, ManyProducersAndOneThatNeverAllocatedStaySmall)
{
    SKIP_WHERE_RESIDENT_MEMORY_MISLEADS();
    constexpr size_t producers = 16, size = 592, live_each = 4 * MiB;
    const size_t before = resident_bytes();
    const size_t peak = peak_of_replacing(producers, live_each / size, 32 * MiB / size, size);
    printf("%.1f MiB with %zu live\n", static_cast<double>(peak - before) / MiB, producers * live_each / MiB);
    EXPECT_LE(peak, before + producers * live_each * 2); // 80 to 110 MiB are seen, 16 and more of them dirty
}

/* rpmalloc's issue 334: iterations of a producer and a consumer, after each of which nearly all of it is freed. */
TEST_F(ResidentThreads, IterationsOfAProducerAndAConsumerDoNotGrow)
{
    SKIP_WHERE_RESIDENT_MEMORY_MISLEADS();
    constexpr size_t sizes[] = {256, 512, 4096}, each = 64 * MiB;
    Random random(1);
    std::vector<void *> left;
    size_t first = 0, last = 0;
    for (int iteration = 0; iteration < 12; iteration++) {
        std::vector<void *> blocks;
        for (size_t bytes = 0; bytes < each;) {
            const size_t size = sizes[random.below(std::size(sizes))];
            blocks.push_back(allocate_written(size));
            bytes += size;
        }
        last = resident_bytes();
        first = iteration < 2 ? std::max(first, last) : first;
        std::thread([&] {
            for (size_t i = 0; i < blocks.size(); i++) {
                if (i % 1000 != 0) {
                    hak_free(blocks[i]);
                } else {
                    left.push_back(blocks[i]);
                }
            }
        }).join();
    }
    printf("%.1f MiB, %.1f MiB in the end\n", static_cast<double>(first) / MiB, static_cast<double>(last) / MiB);
    EXPECT_LE(last, first + 8 * MiB);
    hak_free_batch(left.data(), left.size());
}

TEST_F(ResidentThreads, WhatADeadOneAllocatedGoesBackWhenOthersFreeIt)
{
    SKIP_WHERE_RESIDENT_MEMORY_MISLEADS();
    for (size_t size : {100, 592, 5000, 70000}) {
        hak_purge(nullptr);
        const size_t before = resident_bytes();
        std::vector<void *> blocks(128 * MiB / size);
        std::thread([&] {
            for (void *&block : blocks) {
                block = allocate_written(size);
            }
        }).join();
        for (void *block : blocks) {
            hak_free(block);
        }
        const size_t after = resident_bytes();
        printf("%zu bytes: %.1f MiB\n", size, static_cast<double>(after - before) / MiB);
        EXPECT_LE(after, before + 40 * MiB + blocks.size() * sizeof blocks[0]) << size;
    }
}

/* They do nothing, so only the purge can have it; each keeps a slab of what its stack holds blocks of. */
TEST_F(ResidentThreads, WhatWaitsForSleepingOnesIsPurged)
{
    SKIP_WHERE_RESIDENT_MEMORY_MISLEADS();
    constexpr size_t count = 4, each = 16 * MiB;
    for (size_t size : {100, 592, 5000, 70000}) {
        hak_purge(nullptr);
        std::vector<std::vector<void *>> blocks(count, std::vector<void *>(each / size));
        std::atomic<size_t> next{0};
        const size_t before = resident_bytes();
        Waiting sleeping(count, [&] {
            for (void *&block : blocks[next++]) {
                block = allocate_written(size);
            }
        });
        const size_t live = resident_bytes();
        std::thread([&] {
            for (std::vector<void *> &of_one : blocks) {
                hak_free_batch(of_one.data(), of_one.size());
            }
        }).join();
        std::thread([] { hak_purge(nullptr); }).join(); // has done nothing else
        const size_t after = resident_bytes();
        printf("%zu bytes: %.1f MiB of %.1f\n", size, (static_cast<double>(after) - static_cast<double>(before)) / MiB,
               static_cast<double>(live - before) / MiB);
        EXPECT_GE(live, before + count * each * 9 / 10) << size;
        EXPECT_LE(after, before + 4 * MiB) << size;
    }
}

/** Each thread leaves one block in a hundred, which keep its slabs. */
TEST_F(ResidentThreads, WhatADeadOneLeftServesOthers)
{
    SKIP_WHERE_RESIDENT_MEMORY_MISLEADS();
    constexpr size_t size = 592, count = 32 * MiB / size, lives = 20;
    std::vector<void *> left;
    size_t first = 0, last = 0;
    for (size_t life = 0; life < lives; life++) {
        std::thread([&] {
            std::vector<void *> blocks(count);
            for (void *&block : blocks) {
                block = allocate_written(size);
            }
            last = resident_bytes();
            for (size_t i = 0; i < count; i++) {
                if (i % 100 == 0) {
                    left.push_back(blocks[i]);
                } else {
                    hak_free(blocks[i]);
                }
            }
        }).join();
        first = life == 0 ? last : first;
    }
    printf("%.1f MiB, %.1f MiB in the end\n", static_cast<double>(first) / MiB, static_cast<double>(last) / MiB);
    EXPECT_LE(last, first + lives * count / 100 * size + 4 * MiB);
    hak_free_batch(left.data(), left.size());
}
