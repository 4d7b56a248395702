// SPDX-License-Identifier: MIT
// A thread's heap: stacks of free blocks, what refills and flushes them, the combining buffer for blocks of other
// heaps, and the claiming and giving back of whole heaps. A heap is used by the thread that holds it.
#ifndef HAK_HEAP_H
#define HAK_HEAP_H

#include "heap/heap_types.h"

HAK_EXTERN_C_BEGIN

/* `heaps` is all 0; what is not used of it stays untouched. */
void hak_i_heaps_init(struct hak_heaps *heaps, struct hak_slabs *slabs, bool check_full);

/* ---------------------------------------------------------------------------------- claiming and giving back ---- */

/* A heap for the calling thread: `preferred` (or NULL) if it is idle, an idle one, or a new one; NULL: no memory. */
struct hak_heap *hak_i_heap_claim(struct hak_heaps *heaps, struct hak_heap *preferred);

/* Which heap owns the slab of a live block, as far as it stays so. */
struct hak_heap *hak_i_heap_owner_of(const struct hak_heaps *heaps, const void *block);

/*
 * Before a heap is given back: collects what is pending, flushes the stacks but for what the next holder's may start
 * with, and publishes the combining buffer, so that every block freed twice is found. The heap is then only released.
 */
void hak_i_heap_put_away(struct hak_heap *heap);

/* Gives the heap back, put away if it was not; it keeps empty slabs and short stacks for the next holder. */
void hak_i_heap_release(struct hak_heap *heap);

/* Looks after an idle heap at which much is pending, unless someone else does. */
void hak_i_heap_tend(struct hak_heaps *heaps, struct hak_inbox *inbox);

/* --------------------------------------------------------------------------------------------------- forking ---- */

/*
 * fork() copies page after page while the other threads run on, so the child may only rely on what nobody changes
 * meanwhile: slow work is stopped, and what the fast paths change, the stacks and the open entries of the combining
 * buffers, is given up.
 */

/* Stops slow work from beginning, and takes the list lock. */
void hak_i_heaps_close_gate(struct hak_heaps *heaps);

/* Whether another thread holds a heap. List lock held. */
bool hak_i_heaps_has_others(const struct hak_heaps *heaps, const struct hak_heap *mine);

/*
 * Waits until no slow work is under way; the gate is closed and every processor has passed a barrier. No lock but the
 * gate's.
 */
void hak_i_heaps_wait_until_quiet(const struct hak_heaps *heaps, const struct hak_heap *mine);

/* Lets go of the list lock and that of visits, which the caller has taken since, and lets work go on. */
void hak_i_heaps_open_gate(struct hak_heaps *heaps);

/*
 * Work of this thread beside a heap, on memory of its own: stopped by a fork like slow work. `mine` is the heap that
 * the thread holds, or NULL; no slow work of it is under way.
 */
void hak_i_heaps_begin_work(struct hak_heaps *heaps, struct hak_heap *mine);
void hak_i_heaps_end_work(struct hak_heaps *heaps, struct hak_heap *mine);

/* In the child: threads that were at work without a heap are gone. */
void hak_i_heaps_forget_heapless(struct hak_heaps *heaps);

/* In the child: the heaps of the threads that no longer exist become idle, with empty stacks. */
void hak_i_heaps_adopt_orphans(struct hak_heaps *heaps, const struct hak_heap *mine);

/*
 * Gives back what idle heaps keep: their stacks, empty slabs and what is pending there, and the free pages in their
 * slabs, whose bytes it returns.
 */
size_t hak_i_heaps_purge_idle(struct hak_heaps *heaps);

/* ------------------------------------------------------------------------------------------------ slow paths ---- */

/* A block of the class, whose stack is empty; the stack is refilled. NULL: no memory. */
void *hak_i_heap_alloc(struct hak_heap *heap, unsigned class_index);

/*
 * As hak_i_heap_alloc(), up to `count` blocks, at least 1, into `out`; how many came. That may be fewer though there is
 * more, for a slow call moves HAK_BATCH_MAX at most; 0: no memory.
 */
size_t hak_i_heap_alloc_many(struct hak_heap *heap, unsigned class_index, void **out, size_t count);

/* A block that was never used and reads as 0, or NULL when there is none at hand. */
void *hak_i_heap_alloc_clean(struct hak_heap *heap, unsigned class_index);

/* Frees a block of this heap whose class's stack is full; the oldest blocks there are flushed. */
void hak_i_heap_free(struct hak_heap *heap, unsigned class_index, void *block);

/* Frees a block of another heap; `id` is what the registry says of its unit. */
void hak_i_heap_free_remote(struct hak_heap *heap, uint32_t id, void *block);

/* As hak_i_heap_free_remote(), for a thread without a heap. True: it was free already. */
bool hak_i_heap_publish(struct hak_heaps *heaps, uint32_t id, void *block);

/*
 * Flushes the stacks, publishes the combining buffer, collects what is pending, and gives back empty slabs and the free
 * pages in the others; the same, but for stacks and buffers, for heaps of other threads that are not at slow work.
 * Returns the bytes of the pages.
 */
size_t hak_i_heap_purge(struct hak_heap *heap);

/* Whether a block that was allocated is free in its slab or pending, or its slab is gone; stacks are not looked at. */
bool hak_i_heap_knows_free(const struct hak_heaps *heaps, const void *block);

/*
 * A block that is on the heap's stacks twice, or that is free and yet there or pending; or NULL. Nothing becomes free
 * by it.
 */
void *hak_i_heap_find_double(struct hak_heap *heap);

/* The same for idle heaps. */
void *hak_i_heaps_find_double_idle(struct hak_heaps *heaps);

/* The same for what waits in depots. */
void *hak_i_heaps_find_double_passed(struct hak_heaps *heaps);

/*
 * The number of a broken invariant: 1 to 3 for H1 to H3, 4 and 5 for T1 and T2, 6 and 7 for H4 and H5; 0 when all
 * hold. For a heap at rest.
 */
int hak_i_heap_audit(const struct hak_heap *heap);

/* ---------------------------------------------------------------------------------------------------- inline ---- */

HAK_INLINE unsigned hak_i_heap_class_of_id(uint32_t id)
{
    return (id & ((1U << HAK_ID_HEAP_SHIFT) - 1)) / HAK_BIN_BYTES;
}

HAK_INLINE uint32_t hak_i_heap_number_of_id(uint32_t id)
{
    return id >> HAK_ID_HEAP_SHIFT;
}

HAK_EXTERN_C_END

#endif
