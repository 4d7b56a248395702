// SPDX-License-Identifier: MIT
// Every way to ask for a block of so many bytes, and the names that no header declares.
#ifndef HAKMEM_TEST_OVERRIDE_ENTRIES_H
#define HAKMEM_TEST_OVERRIDE_ENTRIES_H

#include "front/support.h"

#include <malloc.h>

#include <cerrno>

extern "C" {
void free_sized(void *block, size_t size);
void free_aligned_sized(void *block, size_t alignment, size_t size);
void cfree(void *block);
void *__libc_malloc(size_t size);
void __libc_free(void *block);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_reallocarray(void *block, size_t count, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);
int __posix_memalign(void **out, size_t alignment, size_t size);
}

namespace hak_test {

struct Entry {
    const char *name;
    void *(*alloc)(size_t size);
};

/** As the others: it keeps errno, and that is seen elsewhere. */
inline void *alloc_by_posix_memalign(size_t size)
{
    void *block = nullptr;
    int error = posix_memalign(&block, 64, size);
    if (error != 0) {
        errno = error;
    }
    return block;
}

const Entry ENTRIES[] = {
    {"malloc", [](size_t size) { return malloc(size); }},
    {"calloc(1, n)", [](size_t size) { return calloc(1, size); }},
    {"calloc(n, 1)", [](size_t size) { return calloc(size, 1); }},
    {"realloc", [](size_t size) { return realloc(nullptr, size); }},
    {"reallocarray", [](size_t size) { return reallocarray(nullptr, 1, size); }},
    {"aligned_alloc(16)", [](size_t size) { return aligned_alloc(16, size); }},
    {"aligned_alloc(1 MiB)", [](size_t size) { return aligned_alloc(1 << 20, size); }},
    {"memalign(64)", [](size_t size) { return memalign(64, size); }},
    {"memalign(65)", [](size_t size) { return memalign(65, size); }},
    {"posix_memalign", alloc_by_posix_memalign},
    {"valloc", [](size_t size) { return valloc(size); }},
    {"pvalloc", [](size_t size) { return pvalloc(size); }},
};

} // namespace hak_test

#endif
