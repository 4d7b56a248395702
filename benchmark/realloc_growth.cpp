// SPDX-License-Identifier: MIT
// A buffer grows from 16 bytes to 64 MiB by a fraction at a time, each new page is written, and it is freed. An item is
// a step of growth.
#include <algorithm>

#include "workload.hpp"

namespace {

/// Each step adds a `fraction`-th, 16 bytes at least.
std::vector<std::size_t> sizes_of_growth(std::size_t fraction, std::size_t last)
{
    std::vector<std::size_t> sizes;
    for (std::size_t size = 16; size < last; size += std::max<std::size_t>(size / fraction, 16)) {
        sizes.push_back(size);
    }
    sizes.push_back(last);
    return sizes;
}

void realloc_growth(benchmark::State &state)
{
    pin_this_thread(state.thread_index());
    const std::vector<std::size_t> sizes = sizes_of_growth(static_cast<std::size_t>(state.range(0)), scaled(64 * MiB));
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

const bool registered = register_workload("realloc_growth", realloc_growth, 4, {2, 32});

} // namespace
