// SPDX-License-Identifier: MIT
// What the files of this box share.
#ifndef HAK_HEAP_PRIVATE_H
#define HAK_HEAP_PRIVATE_H

#include "base/atomic.h"
#include "heap/heap.h"

HAK_EXTERN_C_BEGIN

/* ---------------------------------------------------------------------------------------------- heap.c: slabs ---- */

/* Marks slow work, so that a forked child knows whose heap was left in the middle of it. */
HAK_INLINE void hak_i_heap_enter(struct hak_heap *heap)
{
    hak_store_relaxed(&heap->busy, true);
    hak_fence_release(); /* the mark comes before the work */
}

HAK_INLINE void hak_i_heap_leave(struct hak_heap *heap)
{
    hak_store_release(&heap->busy, false); /* and goes after it */
}

HAK_INLINE struct hak_slab *hak_i_heap_slab_at(const struct hak_heaps *heaps, uintptr_t address)
{
    const struct hak_registry *registry = heaps->slabs->arena->registry;
    return (struct hak_slab *)hak_i_registry_record(registry, hak_i_registry_unit(registry, address));
}

/* Gives blocks that are free to their slab, which is listed then. */
void hak_i_heap_give(struct hak_heap *heap, struct hak_slab *slab, unsigned word, uint64_t bits);

/* An empty slab serves any class if it can, else its own, else it goes back to the arena. */
void hak_i_heap_retire_if_empty(struct hak_heap *heap, struct hak_slab *slab);

/* Collects what other threads freed: all of it, or until the class has room for `enough` blocks. */
void hak_i_heap_drain(struct hak_heap *heap, unsigned class_index, unsigned enough);
void hak_i_heap_drain_all(struct hak_heap *heap);

/* Gives back the empty slabs the heap keeps. */
void hak_i_heap_release_empties(struct hak_heap *heap);

/* Lists a slab that was just taken over. */
void hak_i_heap_adopt(struct hak_heap *heap, struct hak_slab *slab);
void hak_i_heap_unlist(struct hak_heap *heap, struct hak_slab *slab);

/* --------------------------------------------------------------------------------------------- stack.c: stacks ---- */

void hak_i_stacks_init(struct hak_heap *heap);
unsigned hak_i_stack_count(const struct hak_heap *heap, unsigned class_index);

/* Lets the capacity follow what happens: called on each refill and flush. True: the class is to be filled whole now. */
bool hak_i_stack_adapt(struct hak_heap *heap, unsigned class_index, bool flushing);

/* Puts `count` blocks on an empty stack, so that they come off in the given order. */
void hak_i_stack_fill(struct hak_heap *heap, unsigned class_index, void *const *blocks, unsigned count);

/* Makes room for one block; false: the class has no stack now. */
bool hak_i_stack_make_room(struct hak_heap *heap, unsigned class_index);

void hak_i_stacks_flush_all(struct hak_heap *heap);

/* Now and then, looks at one class and takes back what it does not use. */
void hak_i_stacks_tick(struct hak_heap *heap);

/* ---------------------------------------------------------------------------------- combine.c: remote frees ---- */

void hak_i_combine_publish_all(struct hak_heap *heap);

/* ----------------------------------------------------------------------------------------- claim.c: hand-over ---- */

/* Takes slabs with room for the class from one idle heap; false: there are none. */
bool hak_i_heap_take_over(struct hak_heap *heap, unsigned class_index);

HAK_EXTERN_C_END

#endif
