// SPDX-License-Identifier: MIT
// The slow paths: drain, refill; give, flush.
#include "heap/heap.h"

#include <string.h>

#include "heap/heap_private.h"

/* Until a heap has filled a slab of a tiny class, a refill carves no more beyond its need: so many, or such a part. */
#define CARVED_MIN 4
#define CARVED_PART 4

/* ---------------------------------------------------------------------------------------------------- giving ---- */

void hak_i_heap_note(struct hak_heap *heap, void *block, unsigned class_index, bool never_allocated)
{
    struct hak_heap *told = heap->visitor != NULL ? heap->visitor : heap;
    if (told->finding_count < HAK_HEAP_FINDINGS)
        told->findings[told->finding_count++] = (struct hak_finding){block, class_index, never_allocated};
}

static void note_wrong_bits(struct hak_heap *heap, struct hak_slab *slab, unsigned word, uint64_t bits)
{
    for (; bits != 0; bits &= bits - 1) {
        unsigned index = word * 64 + hak_bits_lowest(bits);
        hak_i_heap_note(heap, hak_i_slab_block(slab, index), slab->class_index, index >= slab->carved);
    }
}

void hak_i_heap_give(struct hak_heap *heap, struct hak_slab *slab, unsigned word, uint64_t bits)
{
    uint64_t wrong = hak_i_slab_give(slab, word, bits);
    if (HAK_UNLIKELY(wrong != 0))
        note_wrong_bits(heap, slab, word, wrong);
    if (!slab->listed && hak_i_slab_has_room(slab))
        hak_i_heap_list(heap, slab);
    hak_i_holes_recount(heap, slab);
}

static void collect(struct hak_heap *heap, struct hak_slab *slab)
{
    uint64_t words = hak_i_slab_pending_words(slab);
    for (; words != 0; words &= words - 1) {
        unsigned word = hak_bits_lowest(words);
        hak_i_heap_give(heap, slab, word, hak_i_slab_collect(slab, word));
    }
}

/* What collecting writes: the bitmap that others wrote last comes from their processor meanwhile. */
static void prefetch_bitmaps(const struct hak_slab *slab)
{
    __builtin_prefetch(slab->remote, 1);
    __builtin_prefetch(slab->local, 1);
}

static struct hak_slab *next_drained(struct hak_heap *heap)
{
    if (heap->drained == NULL)
        heap->drained = hak_i_inbox_take(&heap->inbox);
    struct hak_slab *slab = heap->drained;
    if (slab == NULL)
        return NULL;
    prefetch_bitmaps(slab);
    heap->drained =
        hak_load_relaxed(&slab->next_pending); /* before its summary is cleared: then it may be pushed again */
    return slab;
}

bool hak_i_heap_drain_next(struct hak_heap *heap)
{
    struct hak_slab *slab = next_drained(heap);
    if (slab == NULL)
        return false;
    struct hak_inbox *owner = hak_load_relaxed(&slab->owner);
    if (owner == &heap->inbox) {
        collect(heap, slab);
        hak_i_heap_retire_if_empty(heap, slab);
    } else {
        hak_i_inbox_push(owner, slab);
    }
    return true;
}

/* Until a slab of the class has room. */
static bool drain_for_room(struct hak_heap *heap, unsigned class_index)
{
    while (heap->stacks[class_index].rooms == NULL && hak_i_heap_drain_next(heap))
        continue;
    return heap->stacks[class_index].rooms != NULL;
}

void hak_i_heap_drain_all(struct hak_heap *heap)
{
    while (hak_i_heap_drain_next(heap))
        continue;
}

/* ------------------------------------------------------------------------------------------------ allocating ---- */

/* Before there is no memory: what this heap and idle ones keep for themselves may be in the way of a larger span. */
static bool bind_after_giving_back(struct hak_heap *heap, unsigned class_index)
{
    hak_i_heap_settle(heap);
    hak_i_heap_release_empties(heap);
    if (heap->stacks[class_index].rooms != NULL || hak_i_heap_bind_new(heap, class_index))
        return true;
    hak_i_heaps_empty_idle(heap->heaps);
    return hak_i_heap_bind_new(heap, class_index);
}

/* How many blocks a refill takes from a slab, of which it wants `count`, and needs `needed` at once. */
static unsigned share_of(const struct hak_stack *stack, const struct hak_slab *slab, unsigned count, unsigned needed)
{
    unsigned part = slab->carved / CARVED_PART;
    unsigned carved = part > CARVED_MIN ? part : CARVED_MIN;
    unsigned share = slab->free_count + (carved > needed ? carved : needed);
    return stack->filled || count < share ? count : share;
}

/* As hak_i_slab_take(). */
static unsigned take_from_rooms(struct hak_heap *heap, unsigned class_index, void **end, unsigned count,
                                unsigned needed)
{
    struct hak_stack *stack = &heap->stacks[class_index];
    unsigned taken = 0;
    while (stack->rooms != NULL && taken < count) {
        struct hak_slab *slab = hak_i_rooms_lowest(stack->rooms);
        hak_i_heap_before_taking(heap, stack, slab);
        taken += hak_i_slab_take(slab, share_of(stack, slab, count - taken, needed), end - taken);
        hak_i_holes_recount(heap, slab);
        if (hak_i_slab_has_room(slab))
            break;
        stack->filled = true;
        hak_i_heap_unlist(heap, slab);
    }
    return taken;
}

static bool find_room(struct hak_heap *heap, unsigned class_index)
{
    return drain_for_room(heap, class_index) || hak_i_heap_bind_empty(heap, class_index) ||
           hak_i_heap_take_from_sleeper(heap, class_index) || hak_i_heap_take_over(heap, class_index) ||
           hak_i_heap_bind_new(heap, class_index) || bind_after_giving_back(heap, class_index);
}

/*
 * Drain, refill, bind: what is there already comes before fresh memory, which is taken for what is needed alone. More
 * than one pending slab is collected only where that saves another slab: each costs some 100 ns.
 */
static unsigned gather(struct hak_heap *heap, unsigned class_index, void **end, unsigned count, unsigned needed)
{
    (void)hak_i_heap_drain_next(heap);
    unsigned taken = hak_i_depot_take(heap->heaps, class_index, end, count);
    if (taken == 0)
        taken = take_from_rooms(heap, class_index, end, count, needed);
    while (taken < needed && find_room(heap, class_index))
        taken += take_from_rooms(heap, class_index, end - taken, count - taken, needed - taken);
    return taken;
}

/*
 * What the caller wants and half a stack, so that the other half stays free for what comes back; a quarter while the
 * stack has not grown, for what a short thread does not use it gives back at its end.
 */
static unsigned batch_size(const struct hak_heap *heap, unsigned class_index, bool whole, size_t wanted)
{
    unsigned capacity = heap->stacks[class_index].capacity;
    unsigned share = capacity <= hak_i_slab_classes[class_index].first_slots ? 4 : 2;
    size_t count = (whole ? capacity : (capacity + share - 1) / share) + wanted;
    return count < HAK_BATCH_MAX ? (unsigned)count : HAK_BATCH_MAX;
}

size_t hak_i_heap_alloc_many(struct hak_heap *heap, unsigned class_index, void **out, size_t count)
{
    void *blocks[HAK_BATCH_MAX], **end = blocks + HAK_BATCH_MAX;
    hak_i_heap_enter(heap);
    hak_count(&heap->counts.refills, 1);
    hak_i_combine_publish_all(heap);
    bool whole = hak_i_stack_adapt(heap, class_index, false);
    unsigned size = batch_size(heap, class_index, whole, count);
    unsigned taken = gather(heap, class_index, end, size, whole || count > size ? size : (unsigned)count);
    unsigned served = taken < count ? taken : (unsigned)count;
    for (unsigned i = 0; i < served; i++)
        out[i] = *--end;
    if (taken > served)
        hak_i_stack_fill(heap, class_index, end - (taken - served), taken - served);
    hak_i_stacks_tick(heap);
    hak_i_heap_leave(heap);
    return served;
}

void *hak_i_heap_alloc(struct hak_heap *heap, unsigned class_index)
{
    void *block;
    return hak_i_heap_alloc_many(heap, class_index, &block, 1) == 1 ? block : NULL;
}

void *hak_i_heap_alloc_clean(struct hak_heap *heap, unsigned class_index)
{
    struct hak_stack *stack = &heap->stacks[class_index];
    hak_i_heap_enter(heap);
    if (stack->rooms == NULL && hak_i_stack_count(heap, class_index) == 0)
        hak_i_heap_bind_new(heap, class_index);
    struct hak_slab *slab = hak_i_rooms_lowest(stack->rooms);
    void *block = NULL;
    if (slab != NULL) {
        hak_i_heap_before_taking(heap, stack, slab);
        block = hak_i_slab_take_clean(slab);
        if (!hak_i_slab_has_room(slab))
            hak_i_heap_unlist(heap, slab);
        else
            hak_i_heap_retire_if_empty(heap, slab);
    }
    hak_i_heap_leave(heap);
    return block;
}

/* --------------------------------------------------------------------------------------------------- freeing ---- */

void hak_i_heap_free(struct hak_heap *heap, unsigned class_index, void *block)
{
    hak_i_heap_enter(heap);
    hak_count(&heap->counts.flushes, 1);
    hak_i_combine_publish_all(heap);
    if (hak_i_stack_make_room(heap, class_index)) {
        struct hak_bin *bin = &heap->hot.bins[class_index];
        *bin->top = block;
        hak_store_relaxed(&bin->top, bin->top + 1);
    } else {
        hak_i_heap_send_home(heap, class_index, &block, 1); /* a visitor may have taken its slab meanwhile */
    }
    hak_i_stacks_tick(heap);
    hak_i_heap_leave(heap);
}

void hak_i_heap_settle(struct hak_heap *heap)
{
    hak_i_stacks_flush_all(heap);
    hak_i_depots_empty(heap);
    hak_i_combine_publish_all(heap);
    hak_i_heap_drain_all(heap);
}

size_t hak_i_heap_purge(struct hak_heap *heap)
{
    hak_i_heap_enter(heap);
    hak_i_heap_settle(heap);
    size_t returned_bytes = hak_i_heaps_purge_held(heap);
    hak_i_heap_drain_all(heap); /* what was forwarded there */
    hak_i_heap_release_empties(heap);
    returned_bytes += hak_i_holes_purge(heap);
    hak_i_heap_leave(heap);
    return returned_bytes;
}

bool hak_i_heap_knows_free(const struct hak_heaps *heaps, const void *block)
{
    const struct hak_registry *registry = heaps->slabs->arena->registry;
    uint32_t id = hak_i_registry_id(registry, hak_i_registry_unit(registry, (uintptr_t)block));
    if (hak_i_heap_number_of_id(id) == 0)
        return true; /* its slab is gone */
    const struct hak_slab *slab = hak_i_heap_slab_at(heaps, (uintptr_t)block);
    unsigned index = hak_i_slab_index(slab, (uintptr_t)block);
    uint64_t bits = hak_load_relaxed(&slab->local[index / 64]) | hak_load_relaxed(&slab->remote[index / 64]);
    return (bits >> index % 64 & 1) != 0 || index >= hak_load_relaxed(&slab->carved);
}
