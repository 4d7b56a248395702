// SPDX-License-Identifier: MIT
// Pairs of workers: one allocates and writes, the other reads and frees; between them a bounded ring. A single worker
// takes both parts in turn: it fills the ring, then empties it. An item is a block that crossed.
#include <sched.h>

#include <array>
#include <atomic>

#include "workload.hpp"

namespace {

/// One producer, one consumer. Each side keeps a copy of the other's position and looks again only when it must wait.
class Ring {
public:
    void push(void *block)
    {
        const std::size_t position = pushed_.load(std::memory_order_relaxed);
        while (position - popped_seen_ == CAPACITY) {
            popped_seen_ = wait_for_change(popped_, popped_seen_);
        }
        blocks_[position % CAPACITY] = block;
        pushed_.store(position + 1, std::memory_order_release);
    }
    bool is_empty() const { return pushed_ == popped_; }
    bool is_full() const { return pushed_ - popped_ == CAPACITY; }
    void *pop()
    {
        const std::size_t position = popped_.load(std::memory_order_relaxed);
        while (position == pushed_seen_) {
            pushed_seen_ = wait_for_change(pushed_, pushed_seen_);
        }
        void *block = blocks_[position % CAPACITY];
        popped_.store(position + 1, std::memory_order_release);
        return block;
    }

private:
    static constexpr std::size_t CAPACITY = 1024;
    /// Yields soon: with more workers than processors the other side may wait for this one's processor.
    static std::size_t wait_for_change(const std::atomic<std::size_t> &position, std::size_t seen)
    {
        std::size_t now = position.load(std::memory_order_acquire);
        for (int tries = 1; now == seen; ++tries) {
            if (tries % 128 == 0) {
                sched_yield();
            }
            now = position.load(std::memory_order_acquire);
        }
        return now;
    }

    std::array<void *, CAPACITY> blocks_{};
    alignas(64) std::atomic<std::size_t> pushed_{0};
    std::size_t popped_seen_ = 0;
    alignas(64) std::atomic<std::size_t> popped_{0};
    std::size_t pushed_seen_ = 0;
};

std::array<Ring, MOST_THREADS / 2> rings;

void produce(benchmark::State &state, Ring &ring)
{
    const Sizes sizes = Sizes::log_uniform(16, KiB);
    Random random(1);
    Report report(state);
    for (auto _ : state) {
        ring.push(allocate_written(sizes.pick(random.next())));
    }
    report.finish(1);
}

std::size_t consume_one(Ring &ring)
{
    void *block = ring.pop();
    const std::size_t content = *static_cast<std::size_t *>(block);
    Allocator::release(block);
    return content;
}

std::size_t consume_all(Ring &ring)
{
    std::size_t sum = 0;
    while (!ring.is_empty()) {
        sum += consume_one(ring);
    }
    return sum;
}

void consume(benchmark::State &state, Ring &ring)
{
    std::size_t sum = 0;
    Report report(state);
    for (auto _ : state) {
        sum += consume_one(ring);
    }
    report.finish(0);
    benchmark::DoNotOptimize(sum);
}

void produce_and_consume(benchmark::State &state, Ring &ring)
{
    const Sizes sizes = Sizes::log_uniform(16, KiB);
    Random random(1);
    std::size_t sum = 0;
    Report report(state);
    for (auto _ : state) {
        if (ring.is_full()) {
            sum += consume_all(ring);
        }
        ring.push(allocate_written(sizes.pick(random.next())));
    }
    report.finish(1);
    sum += consume_all(ring);
    benchmark::DoNotOptimize(sum);
}

void producer_consumer(benchmark::State &state)
{
    pin_this_thread(state.thread_index());
    Ring &ring = rings[static_cast<std::size_t>(state.thread_index()) / 2];
    if (state.threads() == 1) {
        produce_and_consume(state, ring);
    } else if (state.thread_index() % 2 == 0) {
        produce(state, ring);
    } else {
        consume(state, ring);
    }
}

const bool registered = register_workload("producer_consumer", producer_consumer, 2'000'000);

} // namespace
