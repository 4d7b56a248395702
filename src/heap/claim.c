// SPDX-License-Identifier: MIT
// Claiming and giving back whole heaps, and taking slabs over from idle ones.
#include "base/check.h"
#include "heap/heap_private.h"
#include "os_boundary/os_boundary.h"

/* Slabs taken from one idle heap at a time. */
#define TAKE_OVER_SLABS_MAX 16

/*
 * A heap that has been idle for less may be about to be claimed by who was left its blocks, and the slabs that another
 * heap had taken would be freed into from afar. Several time slices: the next thread may wait for its processor.
 */
#define REST_MS 50

void hak_i_heaps_init(struct hak_heaps *heaps, struct hak_slabs *slabs, bool check_full)
{
    heaps->slabs = slabs;
    heaps->check_full = check_full;
    heaps->hole_block_bytes = 2 * hak_i_os_page_bytes();
    hak_i_base_lock_init(&heaps->gate, HAK_RANK_GATE);
    hak_i_base_lock_init(&heaps->visits, HAK_RANK_VISITS);
    hak_i_base_lock_init(&heaps->lock, HAK_RANK_HEAPS);
}

/* --------------------------------------------------------------------------------------------- the idle list ---- */

void hak_i_heap_link_idle(struct hak_heaps *heaps, struct hak_heap *heap)
{
    heap->held = false;
    heap->previous_idle = NULL;
    heap->next_idle = heaps->idle_newest;
    if (heap->next_idle != NULL)
        heap->next_idle->previous_idle = heap;
    else
        heaps->idle_oldest = heap;
    heaps->idle_newest = heap;
    hak_store_relaxed(&heaps->idle_count, heaps->idle_count + 1);
    hak_store_relaxed(&heaps->idle_hole_bytes, heaps->idle_hole_bytes + heap->hole_bytes);
}

static void unlink_idle(struct hak_heaps *heaps, struct hak_heap *heap)
{
    if (heap->previous_idle != NULL)
        heap->previous_idle->next_idle = heap->next_idle;
    else
        heaps->idle_newest = heap->next_idle;
    if (heap->next_idle != NULL)
        heap->next_idle->previous_idle = heap->previous_idle;
    else
        heaps->idle_oldest = heap->previous_idle;
    heap->held = true;
    hak_store_relaxed(&heaps->idle_count, heaps->idle_count - 1);
    hak_store_relaxed(&heaps->idle_hole_bytes, heaps->idle_hole_bytes - heap->hole_bytes);
}

static void take_inbox(struct hak_heap *heap)
{
    HAK_ASSERT(heap->drained == NULL);
    heap->drained = hak_i_inbox_take(&heap->inbox);
}

/* What was pending while the heap was idle becomes its holder's, and what its stacks hold. */
static void take_charge(struct hak_heap *heap)
{
    take_inbox(heap);
    hak_i_stacks_take_out(heap);
}

/* `preferred` (or NULL) if it is idle, else the one at that end of the list. */
static struct hak_heap *claim_idle(struct hak_heaps *heaps, struct hak_heap *preferred, struct hak_heap *const *end)
{
    if (hak_load_relaxed(&heaps->idle_count) == 0)
        return NULL;
    hak_i_base_lock(&heaps->lock);
    struct hak_heap *heap = preferred != NULL && !preferred->held ? preferred : *end;
    if (heap != NULL)
        unlink_idle(heaps, heap);
    hak_i_base_unlock(&heaps->lock);
    return heap;
}

/* The oldest idle heap, if it has rested. */
static struct hak_heap *claim_rested(struct hak_heaps *heaps)
{
    if (hak_load_relaxed(&heaps->idle_count) == 0)
        return NULL;
    uint64_t now_ms = hak_i_os_now_ms();
    hak_i_base_lock(&heaps->lock);
    struct hak_heap *heap = heaps->idle_oldest;
    if (heap != NULL && now_ms < heap->idle_since_ms + REST_MS)
        heap = NULL;
    if (heap != NULL)
        unlink_idle(heaps, heap);
    hak_i_base_unlock(&heaps->lock);
    return heap;
}

/* The heap's inbox has to be empty when the idle mark is set, so that its holder sees everything or the mark does. */
static void mark_idle(struct hak_heap *heap)
{
    do
        hak_i_heap_drain_all(heap);
    while (!hak_i_inbox_make_idle(&heap->inbox));
    hak_i_holes_settle(heap);
}

/* From here on another thread may hold the heap. */
static void let_go(struct hak_heap *heap)
{
    hak_i_base_lock(&heap->heaps->lock);
    hak_i_heap_link_idle(heap->heaps, heap);
    hak_i_base_unlock(&heap->heaps->lock);
}

/* The end of what hak_i_heap_enter_idle() begins. */
static void close_idle(struct hak_heap *heap)
{
    hak_store_release(&heap->busy, false); /* release: as in leave */
    let_go(heap);
}

/* ----------------------------------------------------------------------------------------------- whole heaps ---- */

static void set_up(struct hak_heaps *heaps, struct hak_heap *heap)
{
    const struct hak_registry *registry = heaps->slabs->arena->registry;
    heap->heaps = heaps;
    heap->held = true;
    heap->hot.base = registry->base;
    heap->hot.units = heaps->check_full ? 0 : registry->units;
    heap->hot.ids = registry->ids;
    hak_i_stacks_init(heap);
}

/* Gives the heap its number and makes it one of all; false: there are too many. */
static bool enlist(struct hak_heaps *heaps, struct hak_heap *heap)
{
    hak_i_base_lock(&heaps->lock);
    bool room = heaps->heap_count < HAK_HEAP_NUMBER_MAX;
    if (room) {
        heap->number = heaps->heap_count + 1;
        heap->hot.id = heap->number << HAK_ID_HEAP_SHIFT;
        heap->next_heap = heaps->all;
        hak_store_relaxed(&heaps->heap_count, heap->number);
        heap->counts.claims = 1;
        hak_store_release(&heaps->all, heap); /* readers follow the list without the lock */
    }
    hak_i_base_unlock(&heaps->lock);
    return room;
}

static struct hak_heap *new_heap(struct hak_heaps *heaps)
{
    struct hak_heap *heap = (struct hak_heap *)hak_i_meta_carve(heaps->slabs->arena->meta, sizeof *heap);
    if (heap == NULL)
        return NULL;
    set_up(heaps, heap);
    return enlist(heaps, heap) ? heap : NULL;
}

struct hak_heap *hak_i_heap_claim(struct hak_heaps *heaps, struct hak_heap *preferred)
{
    struct hak_heap *heap = claim_idle(heaps, preferred, &heaps->idle_newest);
    if (heap == NULL)
        return new_heap(heaps);
    hak_i_heap_enter(heap);
    take_charge(heap);
    hak_count(&heap->counts.claims, 1);
    hak_i_heap_leave(heap);
    return heap;
}

void hak_i_heap_release(struct hak_heap *heap)
{
    hak_i_heap_enter(heap);
    if (heap->put_away_bytes == 0) /* nothing was put away yet, or nothing could stay */
        hak_i_stacks_put_away(heap);
    mark_idle(heap);
    heap->idle_since_ms = hak_i_os_now_ms();
    hak_i_heap_leave(heap);
    let_go(heap);
}

/* Gives back what a heap keeps that was idle and will be. */
static void empty_out(struct hak_heap *heap)
{
    take_charge(heap);
    hak_i_heap_settle(heap);
    hak_i_heap_release_empties(heap);
    mark_idle(heap);
}

struct hak_heap *hak_i_heap_owner_of(const struct hak_heaps *heaps, const void *block)
{
    /* acquire: the heap is set up */
    return hak_i_heap_of_inbox(hak_load_acquire(&hak_i_heap_slab_at(heaps, (uintptr_t)block)->owner));
}

void hak_i_heap_tend(struct hak_heaps *heaps, struct hak_inbox *inbox)
{
    struct hak_heap *heap = hak_i_heap_of_inbox(inbox);
    if (!hak_i_base_lock_try(&heaps->lock))
        return;
    bool claimed = !heap->held;
    if (claimed)
        unlink_idle(heaps, heap);
    hak_i_base_unlock(&heaps->lock);
    if (!claimed)
        return;
    hak_i_heap_enter_idle(heap);
    empty_out(heap); /* nobody has come for it in a long time */
    close_idle(heap);
}

size_t hak_i_heaps_purge_idle(struct hak_heaps *heaps)
{
    size_t returned_bytes = 0;
    for (uint32_t left = hak_load_relaxed(&heaps->idle_count); left != 0; left--) {
        struct hak_heap *heap = claim_idle(heaps, NULL, &heaps->idle_oldest);
        if (heap == NULL)
            break;
        hak_i_heap_enter(heap);
        empty_out(heap);
        returned_bytes += hak_i_holes_purge(heap);
        hak_i_heap_leave(heap);
        let_go(heap);
    }
    return returned_bytes;
}

void hak_i_heaps_empty_idle(struct hak_heaps *heaps)
{
    for (uint32_t left = hak_load_relaxed(&heaps->idle_count); left != 0; left--) {
        struct hak_heap *heap = claim_idle(heaps, NULL, &heaps->idle_oldest);
        if (heap == NULL)
            return;
        hak_i_heap_enter_idle(heap);
        empty_out(heap);
        close_idle(heap);
    }
}

/* The oldest first, which are the newest then. */
size_t hak_i_heaps_give_back_idle_holes(struct hak_heaps *heaps, size_t bytes)
{
    size_t returned = 0;
    for (uint32_t left = hak_load_relaxed(&heaps->idle_count); left != 0 && returned < bytes; left--) {
        struct hak_heap *heap = NULL;
        if (hak_load_relaxed(&heaps->idle_hole_bytes) != 0)
            heap = claim_idle(heaps, NULL, &heaps->idle_oldest);
        if (heap == NULL)
            break;
        hak_i_heap_enter_idle(heap);
        returned += hak_i_holes_give_back(heap, bytes - returned);
        close_idle(heap);
    }
    return returned;
}

/* ------------------------------------------------------------------------------------------------- hand-over ---- */

static void take_slab(struct hak_heap *heap, struct hak_heap *from, struct hak_slab *slab)
{
    struct hak_stack *stack = &from->stacks[slab->class_index];
    if (stack->kept == slab) { /* and the taker, which has no room, keeps none */
        stack->kept = NULL;
        heap->stacks[slab->class_index].kept = slab;
    }
    hak_i_stack_forget(stack, slab);
    hak_i_heap_unlist(from, slab);
    from->slab_bytes -= slab->span_bytes;
    hak_i_slab_hand_over(heap->heaps->slabs, slab, &heap->inbox, heap->hot.id);
    hak_i_holes_hand_over(from, heap, slab);
    hak_i_heap_adopt(heap, slab);
    hak_count(&heap->counts.handovers, 1);
}

/* What was found while working for an idle heap is told by the heap that worked. */
static void inherit_findings(struct hak_heap *heap, struct hak_heap *from)
{
    for (unsigned i = 0; i < from->finding_count; i++)
        hak_i_heap_note(heap, from->findings[i].block, from->findings[i].class_index,
                        from->findings[i].never_allocated);
    from->finding_count = 0;
}

/* An empty slab that any class can use. */
static bool take_empty(struct hak_heap *heap, struct hak_heap *from)
{
    if (from->empty_count == 0)
        return false;
    struct hak_slab *slab = hak_i_heap_pop_empty(from);
    from->slab_bytes -= slab->span_bytes;
    heap->slab_bytes += slab->span_bytes;
    hak_i_heap_push_empty(heap, slab);
    hak_count(&heap->counts.handovers, 1);
    return true;
}

/* What pends in the inbox of the heap it is taken from would wait there. */
static bool can_be_taken(struct hak_slab *slab)
{
    return slab != NULL && !hak_i_slab_is_pending(slab);
}

bool hak_i_heap_take_from(struct hak_heap *heap, struct hak_heap *from, unsigned class_index, unsigned most)
{
    struct hak_stack *stack = &from->stacks[class_index];
    unsigned taken = 0;
    for (; taken < most && can_be_taken(stack->rooms); taken++)
        take_slab(heap, from, stack->rooms);
    bool fits = hak_i_slab_classes[class_index].slab_bytes == HAK_EMPTY_BYTES;
    return taken != 0 || (fits && take_empty(heap, from) && hak_i_heap_bind_empty(heap, class_index));
}

bool hak_i_heap_take_over(struct hak_heap *heap, unsigned class_index)
{
    struct hak_heap *from = claim_rested(heap->heaps);
    if (from == NULL)
        return false;
    hak_i_heap_enter_idle(from);
    take_inbox(from);
    hak_i_heap_drain_all(from);
    hak_i_stack_give_up(from, class_index);
    bool any = hak_i_heap_take_from(heap, from, class_index, TAKE_OVER_SLABS_MAX);
    inherit_findings(heap, from);
    mark_idle(from);
    close_idle(from);
    return any;
}
