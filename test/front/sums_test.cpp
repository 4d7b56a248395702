// SPDX-License-Identifier: MIT
// The parts of the statistics add up to what is committed, to the byte, while no thread is inside hakmem.
#include "all_kinds.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

using namespace hak_test;

namespace {

void expect_sum(const char *when)
{
    hak_stats stats = statistics();
    EXPECT_EQ(sum_of_parts(stats), stats.committed_bytes) << when;
    EXPECT_LE(stats.committed_bytes, stats.reserved_bytes + stats.metadata_bytes) << when;
    EXPECT_LE(stats.large_bytes, stats.live_bytes) << when;
    EXPECT_LE(stats.idle_heaps, stats.heaps) << when;
}

/** What a thread has in hand at each step, so that every part of the sum has something in it. */
class Workers {
public:
    explicit Workers(size_t count) : blocks_(count)
    {
        for (size_t i = 0; i < count; i++) {
            threads_.emplace_back([this, i] { work(i); });
        }
    }
    ~Workers()
    {
        step_++; // their ends are no rest
        for (std::thread &thread : threads_) {
            thread.join();
        }
    }
    Workers(const Workers &) = delete;
    Workers &operator=(const Workers &) = delete;

    static constexpr int STEPS = 4;
    /** All take their next step; they rest when this returns. */
    void take_step()
    {
        done_ = 0;
        step_++;
        while (done_ != threads_.size()) {
            std::this_thread::yield();
        }
    }

private:
    void work(size_t i)
    {
        for (int step = 1; step <= STEPS; step++) {
            wait_for(step);
            work_in(step, i);
            done_++;
        }
        wait_for(STEPS + 1);
    }
    void wait_for(int step) const
    {
        while (step_ != step) {
            std::this_thread::yield();
        }
    }
    void work_in(int step, size_t i)
    {
        std::vector<void *> &others = blocks_[(i + 1) % blocks_.size()];
        if (step == 1) {
            blocks_[i] = blocks_of_all_kinds();
        } else if (step == 2) {
            grow_large(blocks_[i]);
            free_each(blocks_[i], 0);
        } else if (step == 3) {
            free_each(others, 1);
        } else {
            free_each(others, 2);
        }
    }
    static void grow_large(std::vector<void *> &blocks)
    {
        for (void *&block : blocks) {
            if (hak_usable_size(block) > 1 * MiB) {
                block = hak_realloc(block, hak_usable_size(block) + 700 * KiB);
            }
        }
    }
    /** Every third. */
    static void free_each(std::vector<void *> &blocks, size_t from)
    {
        for (size_t i = from; i < blocks.size(); i += 3) {
            hak_free(blocks[i]);
        }
    }

    std::vector<std::vector<void *>> blocks_;
    std::atomic<int> step_{0};
    std::atomic<size_t> done_{0};
    std::vector<std::thread> threads_;
};

} // namespace

TEST(FrontSums, AreExactWhateverHappens)
{
    expect_sum("at first");
    std::vector<void *> blocks = blocks_of_all_kinds();
    expect_sum("with blocks held");
    std::vector<void *> others;
    std::thread([&] {
        others = blocks_of_all_kinds();
        for (size_t i = 0; i < blocks.size(); i += 2) {
            hak_free(blocks[i]);
            blocks[i] = nullptr;
        }
        expect_sum("after frees by a thread that lives");
    }).join();
    expect_sum("after that thread's end");
    hak_free_batch(others.data(), others.size());
    expect_sum("after frees to a heap without a thread");
    hak_free_batch(blocks.data(), blocks.size());
    expect_sum("with nothing held");
    hak_purge(nullptr);
    expect_sum("after a purge");
}

TEST(FrontSums, AreExactWhileThreadsRest)
{
    uint64_t live = statistics().live_bytes;
    {
        Workers workers(4);
        for (int step = 1; step <= Workers::STEPS; step++) {
            workers.take_step();
            expect_sum("with threads at rest");
            hak_purge(nullptr);
            expect_sum("after a purge beside threads at rest");
        }
        EXPECT_EQ(statistics().live_bytes, live);
    }
    expect_sum("after the threads' end");
}

TEST(FrontSums, AreExactUnderABudget)
{
    std::vector<void *> blocks;
    uint64_t refusals = statistics().budget_refusals;
    {
        Workers workers(3);
        for (int step = 1; step <= Workers::STEPS; step++) {
            workers.take_step();
            uint64_t charged = statistics().charged_bytes;
            ASSERT_EQ(hak_budget_set(charged + 4 * MiB, charged + 8 * MiB, nullptr, nullptr), 0);
            for (size_t size : {3 * MiB, 300 * KiB, 20 * KiB, size_t{200}}) {
                for (void *block; (block = hak_alloc(size)) != nullptr;) {
                    blocks.push_back(block);
                }
                expect_sum("where memory is refused");
            }
            hak_free_batch(blocks.data(), blocks.size());
            blocks.clear();
            expect_sum("after what the budget allowed is free");
            ASSERT_EQ(hak_budget_set(0, 0, nullptr, nullptr), 0);
        }
    }
    EXPECT_GE(statistics().budget_refusals, refusals + 4);
}

TEST(FrontSums, AreExactWithHugePages)
{
    std::vector<void *> blocks;
    uint64_t before = statistics().committed_bytes;
    while (statistics().committed_bytes < before + 64 * MiB) {
        blocks.push_back(hak_alloc(64 * MiB));
        ASSERT_NE(blocks.back(), nullptr);
    }
    expect_sum("with large blocks");
    hak_stats stats = statistics();
    EXPECT_LE(stats.huge_bytes, stats.committed_bytes - stats.metadata_bytes);
    char thp[16] = {};
    ASSERT_EQ(hak_option_get("thp", thp, sizeof thp), 0);
    if (strcmp(thp, "always") == 0) {
        EXPECT_GT(stats.huge_bytes, 0u);
    }
    hak_free_batch(blocks.data(), blocks.size());
    expect_sum("after them");
}
