// SPDX-License-Identifier: MIT
// What runs on a hit. Each condition that leaves it is answered by the caller with one tail call.
#ifndef HAK_HEAP_HOT_H
#define HAK_HEAP_HOT_H

#include "base/atomic.h"
#include "heap/heap_types.h"

HAK_INLINE struct hak_bin *hak_i_heap_bin(struct hak_heap_hot *heap, size_t scaled_class)
{
    return (struct hak_bin *)(void *)((char *)heap->bins + scaled_class);
}

/* The newest block of the stack; NULL when it is empty, for then a sentinel lies there. */
HAK_INLINE void *hak_i_heap_pop(struct hak_bin *bin)
{
    void **newest = hak_load_relaxed(&bin->top) - 1;
    void *block = *newest;
    if (HAK_LIKELY(block != NULL))
        hak_store_relaxed(&bin->top, newest);
    return block;
}

/*
 * Pushes a block of this heap. False, with nothing changed, when the address is not the start of a block of this heap,
 * or is one of the two blocks freed last, or the stack is full. `scaled_class` as in the ID, if the block is this
 * heap's.
 */
HAK_INLINE bool hak_i_heap_push(struct hak_heap_hot *heap, void *block, size_t scaled_class)
{
    struct hak_bin *bin = hak_i_heap_bin(heap, scaled_class);
    if (HAK_UNLIKELY(((uintptr_t)block & bin->start_mask) * bin->inverse >= bin->inverse))
        return false;
    void **top = hak_load_relaxed(&bin->top);
    if (HAK_UNLIKELY(top[-1] == block || top[-2] == block || top == bin->full))
        return false;
    *top = block;
    hak_store_relaxed(&bin->top, top + 1);
    return true;
}

/* The scaled class of a block of this heap; HAK_CLASSES_SCALED or more for every other address. */
HAK_INLINE size_t hak_i_heap_own_class(const struct hak_heap_hot *heap, const void *block)
{
    size_t unit = ((uintptr_t)block - heap->base) >> HAK_UNIT_SHIFT;
    if (HAK_UNLIKELY(unit >= heap->units))
        return SIZE_MAX;
    return hak_load_relaxed(&heap->ids[unit]) ^ heap->id;
}

#endif
