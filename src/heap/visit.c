// SPDX-License-Identifier: MIT
// Work on a heap that another thread holds. That thread is kept from slow work meanwhile, so all there is the visitor's
// but the stacks and the combining buffer, which fast paths use without asking. models/visit.pml explores it.
#include "base/option.h"
#include "heap/heap_private.h"
#include "os_boundary/os_boundary.h"

static void wait_for(struct hak_lock *lock)
{
    hak_i_base_lock(lock);
    hak_i_base_unlock(lock);
}

/* The thread that forks passes a closed gate, and nobody visits then. */
void hak_i_heap_wait_at_gate(struct hak_heap *heap)
{
    if (hak_i_base_lock_is_mine(&heap->heaps->gate))
        return;
    do {
        hak_store_release(&heap->busy, false); /* release: as in leave */
        wait_for(&heap->heaps->gate);
        wait_for(&heap->heaps->visits);
        hak_store_relaxed(&heap->busy, true);
        hak_fence_compiler();
        /* acquire: as in enter */
    } while (hak_load_relaxed(&heap->heaps->gate_closed) || hak_load_acquire(&heap->visited));
}

void hak_i_heap_enter_idle(struct hak_heap *heap)
{
    hak_store_relaxed(&heap->busy, true);
    hak_fence_compiler();
    while (HAK_UNLIKELY(hak_load_acquire(&heap->visited))) /* acquire: as in enter */
        wait_for(&heap->heaps->visits);
}

static void stop_visiting(struct hak_heap *heap)
{
    hak_store_release(&heap->visited, false); /* release: the work comes before */
    hak_i_base_unlock(&heap->heaps->visits);
}

/* A busy heap is not even asked for. */
static bool may_visit(const struct hak_heap *heap)
{
    return hak_load_relaxed(&hak_i_base_options.visits) == HAK_VISITS_ON && !hak_load_relaxed(&heap->busy) &&
           hak_i_os_can_fence_threads();
}

/* No slow work is under way there, and its thread has not begun to let go of it. */
static bool is_at_rest(const struct hak_heap *heap)
{
    /* acquire: pairs with the release of leave */
    return !hak_load_acquire(&heap->busy) && !hak_i_heap_is_idle(heap) && heap->put_away_bytes == 0;
}

bool hak_i_heap_begin_visit(struct hak_heap *heap, struct hak_heap *visitor)
{
    if (!may_visit(heap) || !hak_i_base_lock_try(&heap->heaps->visits))
        return false;
    hak_store_relaxed(&heap->visited, true); /* relaxed: the barrier comes next */
    bool begins = hak_i_os_fence_threads() && is_at_rest(heap);
    if (begins)
        heap->visitor = visitor;
    else
        stop_visiting(heap);
    return begins;
}

void hak_i_heap_end_visit(struct hak_heap *heap)
{
    heap->visitor = NULL;
    stop_visiting(heap);
}
