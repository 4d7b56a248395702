// SPDX-License-Identifier: MIT
// Threads that live shortly: each allocates a few blocks, frees them, and ends. An item is a thread.
#include <array>

#include "workload.hpp"

namespace {

struct Task {
    const Sizes sizes;
    Random random;
    Usage usage;
};

void *short_thread(void *argument)
{
    auto *task = static_cast<Task *>(argument);
    std::array<void *, 64> blocks;
    for (void *&block : blocks) {
        block = allocate_written(task->sizes.pick(task->random.next()));
    }
    for (void *block : blocks) {
        Allocator::release(block);
    }
    task->usage += Usage::of_this_thread();
    return nullptr;
}

void thread_churn(benchmark::State &state)
{
    pin_this_thread(state.thread_index());
    Task task{Sizes::log_uniform(16, KiB), Random(1), {}};
    Report report(state);
    for (auto _ : state) {
        run_in_new_thread(short_thread, &task);
    }
    report.finish(1, task.usage);
}

const bool registered = register_workload("thread_churn", thread_churn, 12'000);

} // namespace
