// SPDX-License-Identifier: MIT
#include "latency.hpp"

#include <array>
#include <mutex>

#include "workload.hpp"

namespace {

using Histograms = std::array<Histogram, CALL_COUNT>;

std::mutex mutex;
Histograms of_ended_threads;

/// A thread's own, so that no thread waits for another, or for another's cache line.
struct Recorder {
    Histograms histograms;
    ~Recorder()
    {
        const std::lock_guard<std::mutex> guard(mutex);
        for (std::size_t call = 0; call < CALL_COUNT; ++call) {
            of_ended_threads[call] += histograms[call];
        }
    }
};

thread_local Recorder recorder;

} // namespace

void record(Call call, std::uint64_t ticks)
{
    if (all_workers_are_in_loop()) {
        recorder.histograms[call].add(ticks);
    }
}

Histogram recorded(Call call)
{
    const std::lock_guard<std::mutex> guard(mutex);
    Histogram sum = of_ended_threads[call];
    return sum += recorder.histograms[call];
}
