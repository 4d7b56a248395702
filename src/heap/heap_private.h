// SPDX-License-Identifier: MIT
// What the files of this box share.
#ifndef HAK_HEAP_PRIVATE_H
#define HAK_HEAP_PRIVATE_H

#include "base/atomic.h"
#include "heap/heap.h"

HAK_EXTERN_C_BEGIN

/* ---------------------------------------------- holes.c: free blocks of slabs in use go back where they lie ---- */

/* The slab's free blocks are others than before, or it is retained or no longer. Cheap for blocks without holes. */
void hak_i_holes_changed(struct hak_heap *heap, struct hak_slab *slab);

/* Whether holes of the slab's class count. */
HAK_INLINE bool hak_i_holes_count(const struct hak_heap *heap, const struct hak_slab *slab)
{
    return hak_i_slab_class(slab)->block_bytes >= heap->heaps->hole_block_bytes;
}

HAK_INLINE void hak_i_holes_recount(struct hak_heap *heap, struct hak_slab *slab)
{
    if (HAK_UNLIKELY(hak_i_holes_count(heap, slab)))
        hak_i_holes_changed(heap, slab);
}

/* Tells the arena what changed; past the bound, the pages of what was given to its slab longest ago go back. */
void hak_i_holes_settle_own(struct hak_heap *heap);

/* The same; where that is too little, those of other heaps, too. */
void hak_i_holes_settle(struct hak_heap *heap);

/* Whether that may do something. */
HAK_INLINE bool hak_i_holes_may_settle(const struct hak_heap *heap)
{
    const struct hak_arena *arena = heap->heaps->slabs->arena;
    return ((size_t)heap->hole_change | heap->hole_needed_bytes) != 0 ||
           (hak_i_arena_hole_units(arena) != 0 && hak_i_arena_is_over_bound(arena));
}

/* Gives back so many bytes of the oldest holes, or what there is; how many. */
size_t hak_i_holes_give_back(struct hak_heap *heap, size_t bytes);

/* Gives back all free pages in the heap's slabs; returns the bytes. */
size_t hak_i_holes_purge(struct hak_heap *heap);

/* A slab that is among those with holes goes to another heap. */
void hak_i_holes_hand_over(struct hak_heap *from, struct hak_heap *to, struct hak_slab *slab);

/* What counts of the slab's holes. */
size_t hak_i_holes_bytes(const struct hak_heap *heap, const struct hak_slab *slab);

/* ---------------------------------------------------------------------------------------- heap.c: slow paths ---- */

/* Waits until no thread forks, and none visits the heap. */
HAK_COLD void hak_i_heap_wait_at_gate(struct hak_heap *heap);

/*
 * Slow work begins: not while a thread forks, or visits the heap. That thread closes the gate or marks the heap, asks
 * for a barrier on all processors, and waits until no heap is busy, or leaves a busy one alone; the barrier is the
 * processor's half of the fence here, which therefore costs nothing.
 */
HAK_INLINE void hak_i_heap_enter(struct hak_heap *heap)
{
    hak_store_relaxed(&heap->busy, true);
    hak_fence_compiler();
    /* acquire: what a visitor did is seen */
    if (HAK_UNLIKELY(hak_load_relaxed(&heap->heaps->gate_closed) || hak_load_acquire(&heap->visited)))
        hak_i_heap_wait_at_gate(heap);
}

HAK_INLINE void hak_i_heap_leave(struct hak_heap *heap)
{
    if (HAK_UNLIKELY(hak_i_holes_may_settle(heap)))
        hak_i_holes_settle(heap);
    hak_store_release(&heap->busy, false); /* release: the work comes before */
}

/* The same for work on an idle heap, claimed in the middle of slow work: a visitor may have meant its last holder. */
void hak_i_heap_enter_idle(struct hak_heap *heap);

/* The same for a thread without a heap. */
void hak_i_heaps_enter_heapless(struct hak_heaps *heaps);
void hak_i_heaps_leave_heapless(struct hak_heaps *heaps);

HAK_INLINE struct hak_slab *hak_i_heap_slab_at(const struct hak_heaps *heaps, uintptr_t address)
{
    const struct hak_registry *registry = heaps->slabs->arena->registry;
    return (struct hak_slab *)hak_i_registry_record(registry, hak_i_registry_unit(registry, address));
}

/* Keeps what was found for the front, as far as there is room. */
void hak_i_heap_note(struct hak_heap *heap, void *block, unsigned class_index, bool never_allocated);

/* Gives blocks that are free to their slab, which is listed then. */
void hak_i_heap_give(struct hak_heap *heap, struct hak_slab *slab, unsigned word, uint64_t bits);

/* Collects what other threads freed. */
void hak_i_heap_drain_all(struct hak_heap *heap);

/* The same of one slab; false: nothing is pending. */
bool hak_i_heap_drain_next(struct hak_heap *heap);

/* Flushes the stacks, publishes the combining buffer, which that may add to, and collects what is pending. */
void hak_i_heap_settle(struct hak_heap *heap);

/* ------------------------------------------------------------------------------- supply.c: slabs come and go ---- */

/* A slab with room is among those of its class, or no longer. */
void hak_i_heap_list(struct hak_heap *heap, struct hak_slab *slab);
void hak_i_heap_unlist(struct hak_heap *heap, struct hak_slab *slab);

/* Lists a slab that was just taken over. */
void hak_i_heap_adopt(struct hak_heap *heap, struct hak_slab *slab);

/* Makes an empty slab that the heap keeps one of the class; false: there is none that fits. */
bool hak_i_heap_bind_empty(struct hak_heap *heap, unsigned class_index);

/* A new slab of the class; false: no memory. */
bool hak_i_heap_bind_new(struct hak_heap *heap, unsigned class_index);

/* Blocks are about to be taken from the slab, which may be the empty one that the class keeps. */
void hak_i_heap_before_taking(struct hak_heap *heap, struct hak_stack *stack, struct hak_slab *slab);

/* An empty slab serves any class if it can, else its own, else it goes back to the arena. */
void hak_i_heap_retire_if_empty(struct hak_heap *heap, struct hak_slab *slab);

/* The empty slabs that the heap keeps for any class; there is room, or there is one. */
void hak_i_heap_push_empty(struct hak_heap *heap, struct hak_slab *slab);
struct hak_slab *hak_i_heap_pop_empty(struct hak_heap *heap);

/* Gives back the empty slabs the heap keeps. */
void hak_i_heap_release_empties(struct hak_heap *heap);

/* ------------------------------------------------------------------------------- rooms.c: slabs by address ---- */

void hak_i_rooms_add(struct hak_slab **rooms, struct hak_slab *slab);
void hak_i_rooms_remove(struct hak_slab **rooms, struct hak_slab *slab);

/* NULL: there is none. */
struct hak_slab *hak_i_rooms_lowest(struct hak_slab *rooms);
struct hak_slab *hak_i_rooms_next(struct hak_slab *rooms, const struct hak_slab *slab);

/* ------------------------------------------------------------------------- give.c: many blocks are given back ---- */

/*
 * Up to HAK_BATCH_MAX blocks of the class that were on its stack. Those of other heaps wait in the depot, if that has
 * room. Returns how many words of bitmaps they fell into.
 */
unsigned hak_i_heap_give_blocks(struct hak_heap *heap, unsigned class_index, void *const *blocks, unsigned count);

/* The same, and none of them waits. */
void hak_i_heap_send_home(struct hak_heap *heap, unsigned class_index, void *const *blocks, unsigned count);

/* ------------------------------------------------------------------------------------------- stack.c: stacks ---- */

void hak_i_stacks_init(struct hak_heap *heap);

HAK_INLINE unsigned hak_i_stack_count(const struct hak_heap *heap, unsigned class_index)
{
    return (unsigned)(hak_load_relaxed(&heap->hot.bins[class_index].top) -
                      hak_load_relaxed(&heap->stacks[class_index].first));
}

/* What a new heap's stack of the class may hold; pool's classes start without a stack. */
HAK_INLINE uint32_t hak_i_stack_first_capacity(const struct hak_heap *heap, unsigned class_index)
{
    bool tiny = class_index < HAK_TINY_CLASS_COUNT && !heap->heaps->check_full;
    return tiny ? hak_i_slab_classes[class_index].first_slots : 0;
}

/* The slab leaves the class or the heap. */
HAK_INLINE void hak_i_stack_forget(struct hak_stack *stack, const struct hak_slab *slab)
{
    if (stack->put_away == slab)
        stack->put_away = NULL;
}

/* Lets the capacity follow what happens: called on each refill and flush. True: the class is to be filled whole now. */
bool hak_i_stack_adapt(struct hak_heap *heap, unsigned class_index, bool flushing);

/* Puts `count` blocks on an empty stack, from which the last comes off first. */
void hak_i_stack_fill(struct hak_heap *heap, unsigned class_index, void *const *blocks, unsigned count);

/* Makes room for one block; false: the class has no stack now. */
bool hak_i_stack_make_room(struct hak_heap *heap, unsigned class_index);

void hak_i_stack_flush(struct hak_heap *heap, unsigned class_index);

/* Only the newest are left, so many at most. */
void hak_i_stack_flush_to(struct hak_heap *heap, unsigned class_index, unsigned left);
void hak_i_stacks_flush_all(struct hak_heap *heap);

/* A stack that holds no more than that gets the capacity of a new heap's. */
void hak_i_stack_renew(struct hak_heap *heap, unsigned class_index);

/* Forgets what is on the stacks. */
void hak_i_stacks_abandon(struct hak_heap *heap);

/* Now and then, looks at one class and takes back what it does not use. */
void hak_i_stacks_tick(struct hak_heap *heap);

/* --------------------------------------------------------------------------- put_away.c: stacks of idle heaps ---- */

/* hak_i_heap_put_away() in the middle of slow work. */
void hak_i_stacks_put_away(struct hak_heap *heap);

/* What the stacks of a heap that was claimed hold is its holder's. */
void hak_i_stacks_take_out(struct hak_heap *heap);

/* Flushes what the stack of a heap that stays idle holds. */
void hak_i_stack_give_up(struct hak_heap *heap, unsigned class_index);

/* ----------------------------------------------------------------------------------- combine.c: remote frees ---- */

void hak_i_combine_publish_all(struct hak_heap *heap);

/* Forgets what the open entries hold, as hak_i_stacks_abandon() does. */
void hak_i_combine_abandon_open(struct hak_heap *heap);

/* Adds a block of another heap; what is in its way is published. */
void hak_i_combine_add(struct hak_heap *heap, unsigned class_index, void *block);

/* ------------------------------------------------------- depot.c: what passes from thread to thread, in between ----
 */

/* Puts up to `count` blocks of the class below `end`, as hak_i_slab_take() does; how many. */
unsigned hak_i_depot_take(struct hak_heaps *heaps, unsigned class_index, void **end, unsigned count);

/* Leaves blocks of one of pool's classes there, the first ones as far as there is room; how many. */
unsigned hak_i_depot_put(struct hak_heaps *heaps, unsigned class_index, void *const *blocks, unsigned count);

/* What waits there, up to HAK_DEPOT_SLOTS blocks, is copied; how many. */
unsigned hak_i_depot_copy(struct hak_heaps *heaps, unsigned class_index, void **blocks);

/* A hint. */
bool hak_i_depot_has_room(struct hak_heaps *heaps, unsigned class_index);

/* Now and then: what no heap wanted since the last look goes home. */
void hak_i_depot_look(struct hak_heap *heap, unsigned class_index);

/* All that waits in depots goes home, but for what another thread is about to take. */
void hak_i_depots_empty(struct hak_heap *heap);

/* -------------------------------------------------------------- visit.c: work on heaps that other threads hold ---- */

HAK_INLINE bool hak_i_heap_is_idle(const struct hak_heap *heap)
{
    return (hak_load_relaxed(&heap->inbox.head) & HAK_INBOX_IDLE) != 0;
}

/*
 * Keeps the thread that holds the heap from slow work; the caller is in slow work of `visitor`. False: slow work is
 * under way there, nobody holds it, another thread visits, or the system has no barrier for all threads.
 */
bool hak_i_heap_begin_visit(struct hak_heap *heap, struct hak_heap *visitor);
void hak_i_heap_end_visit(struct hak_heap *heap);

/* ------------------------------------------------------------- asleep.c: heaps whose threads do nothing ---- */

/*
 * Now and then, looks after a heap whose blocks were freed here, if its thread is asleep, and takes slabs of it: those
 * that the class needs, and one of each other class that is short here. True: the class has room.
 */
bool hak_i_heap_take_from_sleeper(struct hak_heap *heap, unsigned class_index);

/* The same for a thread that ends, and takes none. */
void hak_i_heap_tend_sleeper(struct hak_heap *heap);

/*
 * Now and then, gives back so many bytes of the holes of heaps whose threads are not in slow work, or what there is;
 * how many. Due: whether it would look.
 */
bool hak_i_heaps_others_are_due(struct hak_heaps *heaps);
size_t hak_i_heaps_give_back_others_holes(struct hak_heap *heap, size_t bytes);

/* Gives back what heaps of threads that are not in slow work keep but for their stacks; returns what holes had. */
size_t hak_i_heaps_purge_held(struct hak_heap *heap);

/* ------------------------------------------------------------------------- claim.c: the idle list, hand-over ---- */

HAK_INLINE struct hak_heap *hak_i_heap_of_inbox(struct hak_inbox *inbox)
{
    return (struct hak_heap *)(void *)((char *)inbox - offsetof(struct hak_heap, inbox));
}

/* List lock held. */
void hak_i_heap_link_idle(struct hak_heaps *heaps, struct hak_heap *heap);

/* Takes slabs with room for the class from one idle heap; false: there are none. */
bool hak_i_heap_take_over(struct hak_heap *heap, unsigned class_index);

/* The same from a heap that the caller has claimed or visits: up to `most` slabs, else an empty one. */
bool hak_i_heap_take_from(struct hak_heap *heap, struct hak_heap *from, unsigned class_index, unsigned most);

/* Gives back so many bytes of idle heaps' holes, or what there is, in the middle of slow work; how many. */
size_t hak_i_heaps_give_back_idle_holes(struct hak_heaps *heaps, size_t bytes);

/* Gives back what idle heaps keep, in the middle of slow work. */
void hak_i_heaps_empty_idle(struct hak_heaps *heaps);

HAK_EXTERN_C_END

#endif
