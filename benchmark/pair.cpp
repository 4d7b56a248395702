// SPDX-License-Identifier: MIT
// One block at a time, of a size the compiler does not know: allocated, written, freed.
#include "workload.hpp"

namespace {

template <class Allocator>
void pair(benchmark::State &state)
{
    pin_this_thread(state.thread_index());
    const auto size = static_cast<std::size_t>(state.range(0));
    Report report(state);
    for (auto _ : state) {
        Allocator::release(allocate_written<Allocator>(size));
    }
    report.finish(1);
}

void configure(benchmark::internal::Benchmark *entry)
{
    for (std::size_t size : {std::size_t{16}, std::size_t{64}, std::size_t{256}, KiB, 8 * KiB, 32 * KiB, 256 * KiB}) {
        entry->Arg(static_cast<std::int64_t>(size));
    }
    one_two_and_four_threads(entry);
}

const bool registered = register_workload("pair", pair<HakmemAllocator>, pair<SystemAllocator>, configure);

} // namespace
