// SPDX-License-Identifier: MIT
// Blocks of the calling thread's own heap, told without a look.
#ifndef HAK_FRONT_OWN_H
#define HAK_FRONT_OWN_H

#include "front/front_private.h"
#include "heap/heap_hot.h"

/* Whether a block of its slab starts at the address, and was handed out before. `scaled_class` is the slab's. */
HAK_INLINE bool hak_i_front_was_carved(uintptr_t address, size_t scaled_class)
{
    const struct hak_registry *registry = &hak_i_process.registry;
    const struct hak_class *of = &hak_i_slab_classes[scaled_class / HAK_BIN_BYTES];
    size_t unit = hak_i_registry_unit(registry, address);
    const struct hak_slab *slab = (const struct hak_slab *)hak_i_registry_record(registry, unit);
    return (address & of->start_mask) * of->inverse < of->inverse &&
           hak_i_slab_quotient(of, address - hak_load_relaxed(&slab->start)) < hak_load_relaxed(&slab->carved);
}

/*
 * The scaled class of a block of this heap that hak_i_front_look_up_live() would find alive. HAK_CLASSES_SCALED or more
 * for every other address: a look tells what it is.
 */
HAK_INLINE size_t hak_i_front_own_class(struct hak_heap_hot *heap, const void *block)
{
    size_t scaled_class = hak_i_heap_own_class(heap, block);
    if (HAK_UNLIKELY(scaled_class >= HAK_CLASSES_SCALED))
        return SIZE_MAX;
    void **top = hak_load_relaxed(&hak_i_heap_bin(heap, scaled_class)->top);
    bool freed = top[-1] == block || top[-2] == block;
    return HAK_LIKELY(!freed && hak_i_front_was_carved((uintptr_t)block, scaled_class)) ? scaled_class : SIZE_MAX;
}

HAK_INLINE size_t hak_i_front_block_bytes(size_t scaled_class)
{
    return hak_i_slab_classes[scaled_class / HAK_BIN_BYTES].block_bytes;
}

#endif
