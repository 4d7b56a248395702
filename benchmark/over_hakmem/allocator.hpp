// SPDX-License-Identifier: MIT
// The allocator of hakmem_benchmark.
#ifndef HAKMEM_BENCHMARK_ALLOCATOR_HPP
#define HAKMEM_BENCHMARK_ALLOCATOR_HPP

#include <cstddef>

#include <hakmem/hakmem.h>

struct Allocator {
    static void *allocate(std::size_t size) { return hak_alloc(size); }
    static void *resize(void *block, std::size_t size) { return hak_realloc(block, size); }
    static void release(void *block) { hak_free(block); }
};

#endif
