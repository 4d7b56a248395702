// SPDX-License-Identifier: MIT
// Blocks of 256 KiB to 32 MiB, every page of them written; each worker replaces random ones of eight.
#include <array>

#include "workload.hpp"

namespace {

void *allocate_with_pages(std::size_t size)
{
    void *block = Allocator::allocate(size);
    write_pages(block, 0, size);
    return block;
}

void large_blocks(benchmark::State &state)
{
    pin_this_thread(state.thread_index());
    const Sizes sizes = Sizes::log_uniform(256 * KiB, 32 * MiB);
    Random random(static_cast<std::uint64_t>(state.thread_index()) + 1);
    std::array<void *, 8> blocks;
    for (void *&block : blocks) {
        block = allocate_with_pages(sizes.pick(random.next()));
    }
    Report report(state);
    for (auto _ : state) {
        const std::uint64_t draw = random.next();
        void *&block = blocks[index_of(draw, blocks.size())];
        Allocator::release(block);
        block = allocate_with_pages(sizes.pick(draw));
    }
    report.finish(1);
    for (void *block : blocks) {
        Allocator::release(block);
    }
}

const bool registered = register_workload("large_blocks", large_blocks, 100);

} // namespace
