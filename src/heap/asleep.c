// SPDX-License-Identifier: MIT
// Slabs that came back whole to a heap whose thread does nothing, as one that waits for those it gave its blocks to.
// Who freed into it and needs memory, or ends, has them, and who gives all back that can be: nobody else can reach a
// slab whose blocks are all pending. models/handover.pml explores it.
#include "heap/heap_private.h"

/* A look is worth it after so much was sent there, and a quarter of it at a thread's end, which completes slabs. */
#define SENT_BYTES_MIN (256 * HAK_KIB)

/* And after so much for each slab that the last look had to pass. */
#define SENT_BYTES_PER_SLAB (4 * HAK_KIB)

/* Whether the thread that holds it has taken no slow path since someone last asked. Hints, all of them. */
static bool is_asleep(struct hak_heap *heap)
{
    uint64_t calls = hak_load_relaxed(&heap->counts.refills) + hak_load_relaxed(&heap->counts.flushes);
    bool asleep = calls == hak_load_relaxed(&heap->calls_seen);
    hak_store_relaxed(&heap->calls_seen, calls);
    return asleep;
}

static void seize(struct hak_heap *heap, struct hak_slab *slab)
{
    struct hak_heap *from = hak_i_heap_of_inbox(hak_load_relaxed(&slab->owner));
    hak_fetch_add_relaxed(&from->lost_bytes, slab->span_bytes);
    heap->slab_bytes += slab->span_bytes;
    hak_i_slab_hand_over(heap->heaps->slabs, slab, &heap->inbox, heap->hot.id);
    hak_count(&heap->counts.handovers, 1);
    hak_i_heap_collect(heap, slab);
    hak_i_heap_retire_if_empty(heap, slab);
}

/* Seizes those that came back whole; returns how many slabs there were. */
static size_t seize_from(struct hak_heap *heap, struct hak_inbox *inbox)
{
    size_t passed = 0;
    struct hak_slab *kept = NULL;
    struct hak_slab *slab = hak_i_inbox_take_from(inbox);
    for (struct hak_slab *next; slab != NULL; slab = next, passed++) {
        next = hak_load_relaxed(&slab->next_pending);
        if (hak_i_slab_came_back(slab)) {
            seize(heap, slab);
        } else {
            hak_store_relaxed(&slab->next_pending, kept);
            kept = slab;
        }
    }
    hak_i_inbox_put_back(inbox, kept);
    return passed;
}

bool hak_i_heap_look_at_sleeper(struct hak_heap *heap, bool ends)
{
    size_t worth = heap->look_worth_bytes > SENT_BYTES_MIN ? heap->look_worth_bytes : SENT_BYTES_MIN;
    if (HAK_LIKELY(heap->sent_bytes < (ends ? worth / 4 : worth)))
        return false;
    struct hak_heap *sleeper = heap->sent_to;
    heap->sent_to = NULL;
    heap->sent_bytes = 0;
    if (sleeper == NULL || !is_asleep(sleeper))
        return false;
    heap->look_worth_bytes = seize_from(heap, &sleeper->inbox) * SENT_BYTES_PER_SLAB;
    return heap->look_worth_bytes != 0;
}

/* Asleep or not: it is done seldom, and who misses the inbox for that moment takes memory from elsewhere. */
void hak_i_heap_seize_from_all(struct hak_heap *heap)
{
    /* acquire: a heap on the list is set up */
    for (struct hak_heap *other = hak_load_acquire(&heap->heaps->all); other != NULL; other = other->next_heap)
        if (other != heap)
            (void)seize_from(heap, &other->inbox);
}
