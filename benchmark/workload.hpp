// SPDX-License-Identifier: MIT
// What the workloads share. Everything that costs time or memory of its own (pinning, size tables, live sets) is made
// before the timed loop; inside it only the inline parts of this header run.
#ifndef HAKMEM_BENCHMARK_WORKLOAD_HPP
#define HAKMEM_BENCHMARK_WORKLOAD_HPP

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "allocator.hpp"
#include "random.hpp"

constexpr std::size_t KiB = 1024;
constexpr std::size_t MiB = 1024 * KiB;

/// `full`, or a small part of it where HAKMEM_BENCHMARK_QUICK is set (the benchmarks as tests).
std::size_t scaled(std::size_t full);

/// The largest resident set so far of what this process executes. Not ru_maxrss: that one starts from the peak of the
/// process that called exec.
double peak_rss_bytes();

/// The resident set now.
double rss_bytes();

/// The processors this process was started on; each main() calls it first, before any thread is pinned.
const std::vector<int> &allowed_processors();

/// Worker `index` gets a processor of its own as long as there are any, then they share. Threads it starts inherit it.
void pin_this_thread(int index);

/// What a thread has used since it began.
struct Usage {
    double page_faults = 0;
    double processor_seconds = 0;

    static Usage of_this_thread();
    Usage &operator+=(const Usage &other);
    Usage operator-(const Usage &other) const;
};

/// Runs `body(argument)` in a new thread, on the caller's processor, and waits for its end.
void run_in_new_thread(void *(*body)(void *), void *argument);

/// Sizes drawn beforehand; uses the high bits of a draw, so one draw gives both an index and a size.
class Sizes {
public:
    static Sizes uniform(std::size_t smallest, std::size_t largest);
    /// Each doubling of the size is as likely as any other.
    static Sizes log_uniform(std::size_t smallest, std::size_t largest);
    std::size_t pick(std::uint64_t draw) const { return table_[draw >> (64 - COUNT_SHIFT)]; }

private:
    static constexpr unsigned COUNT_SHIFT = 10;
    Sizes() : table_(std::size_t{1} << COUNT_SHIFT) {}
    std::vector<std::uint32_t> table_;
};

/// A new block with its first word written, and escaped so that the compiler cannot remove block or write.
inline void *allocate_written(std::size_t size)
{
    void *const block = Allocator::allocate(size);
    *static_cast<std::size_t *>(block) = size;
    benchmark::DoNotOptimize(block);
    return block;
}

/// Writes one word in each page of the bytes from `begin` to `end` of the block.
inline void write_pages(void *block, std::size_t begin, std::size_t end)
{
    for (std::size_t offset = begin; offset + sizeof(std::size_t) <= end; offset += 4 * KiB) {
        *reinterpret_cast<std::size_t *>(static_cast<char *>(block) + offset) = offset;
    }
    benchmark::ClobberMemory();
}

/// Blocks of random sizes, of which a random one is replaced at each step.
class LiveSet {
public:
    LiveSet(std::size_t count, const Sizes &sizes, int seed)
        : blocks_(count), sizes_(sizes), random_(static_cast<std::uint64_t>(seed) + 1)
    {
        for (void *&block : blocks_) {
            block = allocate_written(sizes_.pick(random_.next()));
        }
    }
    LiveSet(const LiveSet &) = delete;
    LiveSet &operator=(const LiveSet &) = delete;
    ~LiveSet()
    {
        for (void *block : blocks_) {
            Allocator::release(block);
        }
    }

    void replace_one()
    {
        const std::uint64_t draw = random_.next();
        void *&block = blocks_[index_of(draw, blocks_.size())];
        Allocator::release(block);
        block = allocate_written(sizes_.pick(draw));
    }

private:
    std::vector<void *> blocks_;
    const Sizes sizes_;
    Random random_;
};

/// The figures of one worker: made just before the timed loop, finished just after it. The loop begins and ends with a
/// barrier of all workers.
class Report {
public:
    explicit Report(benchmark::State &state);
    /// `of_other_threads`: of those that this worker started inside the loop.
    void finish(std::int64_t items_per_iteration, const Usage &of_other_threads = {});

private:
    benchmark::State &state_;
    const Usage at_start_;
};

/// Wall time of all timed loops so far: of each, from the last worker's arrival to the first one's leaving.
double seconds_in_loops();

/// Whether this is such a time.
bool all_workers_are_in_loop();

using Body = void(benchmark::State &);

struct Workload {
    std::string name;
    Body *body;
    std::int64_t fixed_work; // iterations of all workers together, for each argument, where the amount is fixed
    std::vector<std::int64_t> arguments;
};

constexpr int MOST_THREADS = 16; // a power of two, as every number of them

std::vector<Workload> &all_workloads();

/// Makes it a Google Benchmark, still without thread counts.
benchmark::internal::Benchmark *add_benchmark(const Workload &workload);

/// Does the fixed work of `<workload>/<threads>`; false: there is none of that name. Prints nothing.
bool run_fixed_work(const std::string &name);

/// Always true, to be the initial value of a constant in each file.
bool register_workload(const char *name, Body *body, std::int64_t fixed_work, std::vector<std::int64_t> arguments = {});

/// Workers that each replace random blocks of a live set of their own.
inline void replace_own_set(benchmark::State &state, std::size_t live_count, const Sizes &sizes)
{
    pin_this_thread(state.thread_index());
    LiveSet set(live_count, sizes, state.thread_index());
    Report report(state);
    for (auto _ : state) {
        set.replace_one();
    }
    report.finish(1);
}

#endif
