// SPDX-License-Identifier: MIT
// The allocator of hakmem_benchmark_malloc: whichever has taken the place of malloc in the process.
#ifndef HAKMEM_BENCHMARK_ALLOCATOR_HPP
#define HAKMEM_BENCHMARK_ALLOCATOR_HPP

#include <cstddef>
#include <cstdlib>

struct Allocator {
    static void *allocate(std::size_t size) { return std::malloc(size); }
    static void *resize(void *block, std::size_t size) { return std::realloc(block, size); }
    static void release(void *block) { std::free(block); }
};

#endif
