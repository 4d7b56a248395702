// SPDX-License-Identifier: MIT
// malloc and its family. Where the C standard leaves a choice, glibc's: docs/drop-in.md lists them.
//
// They stand in one file, so that a program linked with the archive gets all of them or none.
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <hakmem/hakmem.h>

#include "base/bits.h"
#include "override/override.h"

HAK_EXPORT void *malloc(size_t size)
{
    return hak_alloc(size);
}

HAK_EXPORT void free(void *block)
{
    hak_free(block);
}

HAK_EXPORT void *calloc(size_t count, size_t size)
{
    return hak_calloc(count, size);
}

HAK_EXPORT void *realloc(void *block, size_t size)
{
    if (HAK_LIKELY(size != 0 || block == NULL))
        return hak_realloc(block, size);
    hak_free(block);
    return NULL;
}

HAK_EXPORT void *reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes;
    if (HAK_LIKELY(!__builtin_mul_overflow(count, size, &bytes)))
        return realloc(block, bytes);
    errno = ENOMEM;
    return NULL;
}

/* ------------------------------------------------------------------------------------------ aligned, measured ---- */

HAK_EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    return hak_aligned_alloc(alignment, size);
}

HAK_EXPORT int posix_memalign(void **out, size_t alignment, size_t size)
{
    return hak_posix_memalign(out, alignment, size);
}

/* An alignment that is no power of two counts as the next one. */
HAK_EXPORT void *memalign(size_t alignment, size_t size)
{
    if (HAK_LIKELY(alignment <= (size_t)1 << 63))
        return hak_aligned_alloc(hak_power_of_two_at_least(alignment), size);
    errno = EINVAL;
    return NULL;
}

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

HAK_EXPORT void *valloc(size_t size)
{
    return hak_aligned_alloc(page_bytes(), size);
}

HAK_EXPORT void *pvalloc(size_t size)
{
    size_t page = page_bytes(), padded;
    if (!__builtin_add_overflow(size, page - 1, &padded))
        return hak_aligned_alloc(page, padded & ~(page - 1));
    errno = ENOMEM;
    return NULL;
}

HAK_EXPORT size_t malloc_usable_size(void *block)
{
    return hak_usable_size(block);
}

HAK_EXPORT void free_sized(void *block, size_t size)
{
    hak_free_sized(block, size);
}

HAK_EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    hak_free_aligned_sized(block, alignment, size);
}

/* ------------------------------------------------------------------------------- other names of the same calls ---- */

#define ALIAS(name, target) HAK_EXPORT extern __typeof__(target) name HAK_ALIAS_OF(target)

ALIAS(cfree, free);
ALIAS(__libc_malloc, malloc);
ALIAS(__libc_free, free);
ALIAS(__libc_calloc, calloc);
ALIAS(__libc_realloc, realloc);
ALIAS(__libc_reallocarray, reallocarray);
ALIAS(__libc_memalign, memalign);
ALIAS(__libc_valloc, valloc);
ALIAS(__libc_pvalloc, pvalloc);
ALIAS(__posix_memalign, posix_memalign);
