// SPDX-License-Identifier: MIT
// A large set of blocks of one size is built, then torn down in the same order. An item is a block.
#include "workload.hpp"

namespace {

template <class Allocator>
void bulk(benchmark::State &state)
{
    pin_this_thread(state.thread_index());
    const auto size = static_cast<std::size_t>(state.range(0));
    std::vector<void *> blocks(scaled(200'000));
    Report report(state);
    for (auto _ : state) {
        for (void *&block : blocks) {
            block = allocate_written<Allocator>(size);
        }
        for (void *block : blocks) {
            Allocator::release(block);
        }
    }
    report.finish(static_cast<std::int64_t>(blocks.size()));
}

void configure(benchmark::internal::Benchmark *entry)
{
    entry->Arg(64)->Arg(512);
    one_two_and_four_threads(entry);
}

const bool registered = register_workload("bulk", bulk<HakmemAllocator>, bulk<SystemAllocator>, configure);

} // namespace
