// SPDX-License-Identifier: MIT
// Blocks of 8 to 32 KiB in one live set that all workers replace at random: with n of them, a block is freed by
// another thread than the one that allocated it in (n - 1) of n cases.
#include <array>
#include <atomic>

#include "workload.hpp"

namespace {

struct alignas(64) Slot {
    std::atomic<void *> block{nullptr};
};

std::array<Slot, 512> shared_set;

void mid_large_mt(benchmark::State &state)
{
    pin_this_thread(state.thread_index());
    const std::size_t live_count = scaled(shared_set.size());
    const auto first_own = static_cast<std::size_t>(state.thread_index());
    const auto stride = static_cast<std::size_t>(state.threads());
    const Sizes sizes = Sizes::uniform(8 * KiB, 32 * KiB);
    Random random(first_own + 1);

    // The loop begins and ends with a barrier: the set is whole while any worker is inside.
    for (std::size_t i = first_own; i < live_count; i += stride) {
        shared_set[i].block = allocate_written(sizes.pick(random.next()));
    }
    Report report(state);
    for (auto _ : state) {
        const std::uint64_t draw = random.next();
        void *const fresh = allocate_written(sizes.pick(draw));
        std::atomic<void *> &block = shared_set[index_of(draw, live_count)].block;
        Allocator::release(block.exchange(fresh, std::memory_order_acq_rel));
    }
    report.finish(1);
    for (std::size_t i = first_own; i < live_count; i += stride) {
        Allocator::release(shared_set[i].block);
    }
}

const bool registered = register_workload("mid_large_mt", mid_large_mt, 1'500'000);

} // namespace
