// SPDX-License-Identifier: MIT
// Two threads on two processors take as much longer than one as two threads do that only count, within 5 %. The
// shortest of many short turns counts, for what else runs on the machine only makes them longer; where it never lets
// two threads run at once, nothing can be said.
#include "support.h"

#include <gtest/gtest.h>

#include <pthread.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <thread>

using namespace hak_test;

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t THREADS = 2;
constexpr double TOLERANCE = 1.05;
constexpr double QUIET = 1.1; // what two threads that only count may take over one
constexpr int TURNS_MIN = 50;
constexpr std::chrono::seconds LIMIT{30};

std::vector<int> allowed_processors()
{
    cpu_set_t set;
    std::vector<int> processors;
    sched_getaffinity(0, sizeof set, &set);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &set)) {
            processors.push_back(i);
        }
    }
    return processors;
}

void pin_this_thread(int processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/** About as long as the turns of the others. */
void count(Random &random)
{
    for (int i = 0; i < 100'000; i++) {
        opaque(random.next());
    }
}

/** What a thread does in a turn; each has one of its own, made and destroyed by itself. */
class Work {
public:
    virtual ~Work() = default;
    virtual void turn() = 0;
};

class Pairs : public Work {
public:
    void turn() override
    {
        for (int i = 0; i < 30'000; i++) {
            hak_free(opaque(hak_alloc(64)));
        }
    }
};

class Replacing : public Work {
public:
    Replacing(size_t live, size_t smallest, size_t largest) : blocks_(live), smallest_(smallest), largest_(largest)
    {
        Random random(1);
        for (void *&block : blocks_) {
            block = hak_alloc(any_size(random));
        }
    }
    ~Replacing() override
    {
        for (void *block : blocks_) {
            hak_free(block);
        }
    }
    /** The same each time. */
    void turn() override
    {
        Random random(2);
        for (int i = 0; i < 10'000; i++) {
            void *&block = blocks_[random.below(blocks_.size())];
            hak_free(block);
            block = hak_alloc(any_size(random));
            *static_cast<char *>(block) = 1;
        }
    }

private:
    size_t any_size(Random &random) const { return smallest_ + random.below(largest_ - smallest_ + 1); }

    std::vector<void *> blocks_;
    const size_t smallest_, largest_;
};

constexpr double NEVER = std::numeric_limits<double>::infinity();

/** The shortest turns of each thread alone, and of both at once from the first one's begin to the last one's end. */
struct Shortest {
    std::array<double, THREADS> alone = {NEVER, NEVER};
    double both = NEVER;

    double ratio() const { return both / *std::max_element(alone.begin(), alone.end()); }
};

/** Two pinned threads; what is given to them to run begins at once on both. */
class Pair {
public:
    explicit Pair(const std::vector<int> &processors)
    {
        for (size_t i = 0; i < THREADS; i++) {
            threads_[i] = std::thread([this, i, processor = processors[i]] {
                pin_this_thread(processor);
                obey(i);
            });
        }
    }
    ~Pair()
    {
        run_in_both(nullptr);
        for (std::thread &thread : threads_) {
            thread.join();
        }
    }

    /** The seconds that it takes in the threads `first` to `last`. */
    double run(size_t first, size_t last, const std::function<void(size_t)> &body)
    {
        body_ = body;
        first_ = first;
        last_ = last;
        ready_ = 0;
        arrived_ = 0;
        order_.fetch_add(1);
        while (arrived_ != THREADS) {
            std::this_thread::yield();
        }
        Clock::time_point begin = *std::min_element(&begins_[first], &begins_[last] + 1);
        Clock::time_point end = *std::max_element(&ends_[first], &ends_[last] + 1);
        return std::chrono::duration<double>(end - begin).count();
    }

    double run_in_both(const std::function<void(size_t)> &body) { return run(0, THREADS - 1, body); }

private:
    void obey(size_t thread)
    {
        for (int seen = 0;;) {
            while (order_ == seen) {
                std::this_thread::yield();
            }
            seen = order_;
            bool stops = !body_;
            if (!stops && first_ <= thread && thread <= last_) {
                take_part(thread);
            }
            arrived_++;
            if (stops) {
                return;
            }
        }
    }

    void take_part(size_t thread)
    {
        for (ready_++; ready_ != last_ - first_ + 1;) {
        }
        begins_[thread] = Clock::now();
        body_(thread);
        ends_[thread] = Clock::now();
    }

    std::array<std::thread, THREADS> threads_;
    std::function<void(size_t)> body_;
    std::atomic<size_t> first_{0}, last_{0}, ready_{0}, arrived_{0};
    std::atomic<int> order_{0};
    std::array<Clock::time_point, THREADS> begins_, ends_;
};

void take_turns(Pair &pair, Shortest &shortest, const std::function<void(size_t)> &body)
{
    for (size_t i = 0; i < THREADS; i++) {
        shortest.alone[i] = std::min(shortest.alone[i], pair.run(i, i, body));
    }
    shortest.both = std::min(shortest.both, pair.run_in_both(body));
}

/** Counting and working alternate until the ratios agree, or for LIMIT. */
void expect_to_scale(const std::function<std::unique_ptr<Work>()> &make)
{
    std::vector<int> processors = allowed_processors();
    if (processors.size() < THREADS || sanitizer) {
        GTEST_SKIP() << "needs two processors, and a library as it is shipped";
    }
    Pair pair(processors);
    std::array<std::unique_ptr<Work>, THREADS> work;
    std::array<Random, THREADS> random = {Random(1), Random(2)};
    Shortest counting, working;
    pair.run_in_both([&](size_t i) { work[i] = make(); });
    Clock::time_point start = Clock::now();
    bool agree = false;
    for (int turns = 0; !agree && Clock::now() - start < LIMIT; turns++) {
        take_turns(pair, counting, [&](size_t i) { count(random[i]); });
        take_turns(pair, working, [&](size_t i) { work[i]->turn(); });
        agree = turns >= TURNS_MIN && counting.ratio() < QUIET && working.ratio() <= TOLERANCE * counting.ratio();
    }
    pair.run_in_both([&](size_t i) { work[i].reset(); });
    printf("two threads over one: counting %.3f, working %.3f\n", counting.ratio(), working.ratio());
    if (counting.ratio() >= QUIET) {
        GTEST_SKIP() << "two threads that only count were never left alone";
    }
    EXPECT_LE(working.ratio(), TOLERANCE * counting.ratio());
}

TEST(FrontScaling, PairsOfTwoThreads)
{
    expect_to_scale([] { return std::make_unique<Pairs>(); });
}

TEST(FrontScaling, SmallBlocksOfTwoThreads)
{
    expect_to_scale([] { return std::make_unique<Replacing>(1000, 128, 1 * KiB); });
}

TEST(FrontScaling, MidSizeBlocksOfTwoThreads)
{
    expect_to_scale([] { return std::make_unique<Replacing>(64, 8 * KiB, 52 * KiB); });
}

} // namespace
