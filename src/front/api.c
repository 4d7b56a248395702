// SPDX-License-Identifier: MIT
// The entry points that a program calls most.
//
//   hak_alloc ─ pop ──────────── hak_i_front_alloc_slow   stack empty · size above 32 KiB · thread without a heap
//   hak_free ── own_class, push ─ hak_i_front_free_slow    NULL · not a block of this heap · freed twice · stack full
//
// Each leaves by a tail call with the arguments it was given, so it needs no frame.
#include <errno.h>
#include <string.h>

#include "front/classes.h"
#include "front/front_private.h"
#include "heap/heap_hot.h"

void *hak_alloc(size_t size)
{
    struct hak_heap_hot *heap = hak_i_self;
    void *block;
    if (HAK_LIKELY(size <= HAK_TINY_BYTES_MAX)) {
        block = hak_i_heap_pop(hak_i_heap_bin(heap, hak_i_tiny_scaled_class(size)));
        if (HAK_LIKELY(block != NULL))
            return block;
    } else if (HAK_LIKELY(size <= HAK_POOL_TABLE_BYTES_MAX)) {
        block = hak_i_heap_pop(hak_i_heap_bin(heap, hak_i_pool_scaled_class(size)));
        if (HAK_LIKELY(block != NULL))
            return block;
    }
    return hak_i_front_alloc_slow(size);
}

void hak_free(void *block)
{
    struct hak_heap_hot *heap = hak_i_self;
    size_t scaled_class = hak_i_heap_own_class(heap, block);
    if (HAK_UNLIKELY(scaled_class >= HAK_CLASSES_SCALED) || HAK_UNLIKELY(!hak_i_heap_push(heap, block, scaled_class)))
        hak_i_front_free_slow(block);
}

extern __typeof__(hak_i_front_alloc) hak_i_front_alloc HAK_ALIAS_OF(hak_alloc);
extern __typeof__(hak_i_front_free) hak_i_front_free HAK_ALIAS_OF(hak_free);

void hak_free_sized(void *block, size_t size)
{
    struct hak_heap_hot *heap = hak_i_self;
    size_t scaled_class = hak_i_heap_own_class(heap, block);
    bool pushed = size <= HAK_TINY_BYTES_MAX && scaled_class == hak_i_tiny_scaled_class(size) &&
                  hak_i_heap_push(heap, block, scaled_class);
    if (HAK_UNLIKELY(!pushed))
        hak_i_front_free_sized_slow(block, size);
}

void *hak_zalloc(size_t size)
{
    if (HAK_UNLIKELY(size > HAK_TINY_BYTES_MAX))
        return hak_i_front_zalloc_slow(size);
    void *block = hak_alloc(size);
    return block == NULL ? NULL : memset(block, 0, size);
}

void *hak_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (HAK_LIKELY(!__builtin_mul_overflow(count, size, &bytes)))
        return hak_zalloc(bytes);
    errno = ENOMEM;
    return NULL;
}
