// SPDX-License-Identifier: MIT
// The two sides of every comparison. A workload is a template over one of these policies.
#ifndef HAKMEM_BENCHMARK_ALLOCATORS_HPP
#define HAKMEM_BENCHMARK_ALLOCATORS_HPP

#include <cstddef>
#include <cstdlib>

#include <hakmem/hakmem.h>

struct HakmemAllocator {
    static void *allocate(std::size_t size) { return hak_alloc(size); }
    static void *resize(void *block, std::size_t size) { return hak_realloc(block, size); }
    static void release(void *block) { hak_free(block); }
};

struct SystemAllocator {
    static void *allocate(std::size_t size) { return std::malloc(size); }
    static void *resize(void *block, std::size_t size) { return std::realloc(block, size); }
    static void release(void *block) { std::free(block); }
};

#endif
