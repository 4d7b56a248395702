// SPDX-License-Identifier: MIT
// The allocator of hakmem_benchmark_latency: that of the process, each call timed alone.
#ifndef HAKMEM_BENCHMARK_ALLOCATOR_HPP
#define HAKMEM_BENCHMARK_ALLOCATOR_HPP

#include <cstddef>
#include <cstdlib>

#include "latency.hpp"

struct Allocator {
    static void *allocate(std::size_t size)
    {
        timed(NOTHING, [] {});
        void *block;
        timed(MALLOC, [&] { block = std::malloc(size); });
        return block;
    }
    static void *resize(void *block, std::size_t size) { return std::realloc(block, size); }
    static void release(void *block)
    {
        timed(FREE, [=] { std::free(block); });
    }
};

#endif
