// SPDX-License-Identifier: MIT
// What the tests of the budget share: a fixture that ends without one, and a callback that counts.
#ifndef HAKMEM_TEST_FRONT_BUDGET_FIXTURE_H
#define HAKMEM_TEST_FRONT_BUDGET_FIXTURE_H

#include "support.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <thread>

namespace hak_test {

inline uint64_t charged()
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

inline void sleep_ms(int ms)
{
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

} // namespace hak_test

#endif
