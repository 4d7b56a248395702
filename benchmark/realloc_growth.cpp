// SPDX-License-Identifier: MIT
// A buffer grows from 16 bytes to 64 MiB, each new page is written, and it is freed. An item is a step of growth.
#include "workload.hpp"

namespace {

std::size_t by_half(std::size_t size)
{
    return size + size / 2;
}

/// A 32nd of the size, 16 bytes at least.
std::size_t in_small_steps(std::size_t size)
{
    return size + (size < 32 * 16 ? 16 : size / 32);
}

std::vector<std::size_t> sizes_of_growth(std::size_t (*grow)(std::size_t), std::size_t last)
{
    std::vector<std::size_t> sizes;
    for (std::size_t size = 16; size < last; size = grow(size)) {
        sizes.push_back(size);
    }
    sizes.push_back(last);
    return sizes;
}

template <class Allocator, std::size_t (*grow)(std::size_t)>
void realloc_growth(benchmark::State &state)
{
    pin_this_thread(state.thread_index());
    const std::vector<std::size_t> sizes = sizes_of_growth(grow, scaled(64 * MiB));
    Report report(state);
    for (auto _ : state) {
        void *buffer = nullptr;
        std::size_t old_size = 0;
        for (std::size_t size : sizes) {
            buffer = Allocator::resize(buffer, size);
            write_pages(buffer, old_size, size);
            old_size = size;
        }
        Allocator::release(buffer);
    }
    report.finish(static_cast<std::int64_t>(sizes.size()));
}

const bool registered_by_half = register_workload("realloc_growth_by_half", realloc_growth<HakmemAllocator, by_half>,
                                                  realloc_growth<SystemAllocator, by_half>);
const bool registered_in_small_steps =
    register_workload("realloc_growth_in_small_steps", realloc_growth<HakmemAllocator, in_small_steps>,
                      realloc_growth<SystemAllocator, in_small_steps>);

} // namespace
