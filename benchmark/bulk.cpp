// SPDX-License-Identifier: MIT
// A large set of blocks of one size is built, then torn down in the same order. An item is a block.
#include "workload.hpp"

namespace {

void bulk(benchmark::State &state)
{
    pin_this_thread(state.thread_index());
    const auto size = static_cast<std::size_t>(state.range(0));
    std::vector<void *> blocks(scaled(200'000));
    Report report(state);
    for (auto _ : state) {
        for (void *&block : blocks) {
            block = allocate_written(size);
        }
        for (void *block : blocks) {
            Allocator::release(block);
        }
    }
    report.finish(static_cast<std::int64_t>(blocks.size()));
}

const bool registered = register_workload("bulk", bulk, 8, {64, 512});

} // namespace
