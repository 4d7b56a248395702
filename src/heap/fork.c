// SPDX-License-Identifier: MIT
// Stopping slow work for a fork, and what the child makes of the heaps of threads it does not have.
#include <sched.h>

#include "heap/heap_private.h"

static void pass_gate(struct hak_heaps *heaps)
{
    hak_i_base_lock(&heaps->gate);
    hak_i_base_unlock(&heaps->gate);
}

/*
 * seq_cst against close_gate() and wait_until_quiet(): either the gate is seen closed here or the count is seen there.
 */
void hak_i_heaps_enter_heapless(struct hak_heaps *heaps)
{
    hak_fetch_add_seq_cst(&heaps->heapless, 1);
    while (hak_load_seq_cst(&heaps->gate_closed) && !hak_i_base_lock_is_mine(&heaps->gate)) {
        hak_fetch_add_seq_cst(&heaps->heapless, -1U);
        pass_gate(heaps);
        hak_fetch_add_seq_cst(&heaps->heapless, 1);
    }
}

void hak_i_heaps_leave_heapless(struct hak_heaps *heaps)
{
    hak_fetch_add_seq_cst(&heaps->heapless, -1U);
}

void hak_i_heaps_begin_work(struct hak_heaps *heaps, struct hak_heap *mine)
{
    if (mine != NULL)
        hak_i_heap_enter(mine);
    else
        hak_i_heaps_enter_heapless(heaps);
}

void hak_i_heaps_end_work(struct hak_heaps *heaps, struct hak_heap *mine)
{
    if (mine != NULL)
        hak_i_heap_leave(mine);
    else
        hak_i_heaps_leave_heapless(heaps);
}

void hak_i_heaps_close_gate(struct hak_heaps *heaps)
{
    hak_i_base_lock(&heaps->gate);
    hak_store_seq_cst(&heaps->gate_closed, true);
    hak_i_base_lock(&heaps->lock);
}

void hak_i_heaps_open_gate(struct hak_heaps *heaps)
{
    hak_i_base_unlock(&heaps->lock);
    hak_i_base_unlock(&heaps->visits);
    hak_store_seq_cst(&heaps->gate_closed, false);
    hak_i_base_unlock(&heaps->gate);
}

void hak_i_heaps_forget_heapless(struct hak_heaps *heaps)
{
    heaps->heapless = 0;
}

bool hak_i_heaps_has_others(const struct hak_heaps *heaps, const struct hak_heap *mine)
{
    uint32_t held = heaps->heap_count - heaps->idle_count;
    return held > (mine != NULL ? 1U : 0U) || hak_load_seq_cst(&heaps->heapless) != 0;
}

void hak_i_heaps_wait_until_quiet(const struct hak_heaps *heaps, const struct hak_heap *mine)
{
    while (hak_load_seq_cst(&heaps->heapless) != 0)
        sched_yield();
    for (const struct hak_heap *heap = hak_load_acquire(&heaps->all); heap != NULL; heap = heap->next_heap)
        while (heap != mine && hak_load_acquire(&heap->busy)) /* pairs with the release of leave */
            sched_yield();
}

/* What was taken from the inbox goes back, so that an idle heap looks like any other. */
static void adopt(struct hak_heaps *heaps, struct hak_heap *heap)
{
    hak_i_stacks_abandon(heap);
    hak_i_stacks_take_out(heap); /* its thread was about to let go of it, or had just claimed it */
    hak_i_combine_abandon_open(heap);
    hak_i_combine_publish_all(heap);
    hak_store_relaxed(&heap->busy, false); /* its thread may have been about to wait at the gate */
    while (heap->drained != NULL) {
        struct hak_slab *slab = heap->drained;
        heap->drained = hak_load_relaxed(&slab->next_pending);
        hak_i_inbox_push(&heap->inbox, slab);
    }
    hak_fetch_or_relaxed(&heap->inbox.head, HAK_INBOX_IDLE);
    hak_i_heap_link_idle(heaps, heap);
}

void hak_i_heaps_adopt_orphans(struct hak_heaps *heaps, const struct hak_heap *mine)
{
    for (struct hak_heap *heap = heaps->all; heap != NULL; heap = heap->next_heap)
        if (heap != mine && heap->held)
            adopt(heaps, heap);
}
