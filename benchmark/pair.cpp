// SPDX-License-Identifier: MIT
// One block at a time, of a size the compiler does not know: allocated, written, freed.
#include "workload.hpp"

namespace {

void pair(benchmark::State &state)
{
    pin_this_thread(state.thread_index());
    const auto size = static_cast<std::size_t>(state.range(0));
    Report report(state);
    for (auto _ : state) {
        Allocator::release(allocate_written(size));
    }
    report.finish(1);
}

const bool registered = register_workload("pair", pair, 2'000'000, {16, 64, 256, KiB, 8 * KiB, 32 * KiB, 256 * KiB});

} // namespace
