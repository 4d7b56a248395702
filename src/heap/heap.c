// SPDX-License-Identifier: MIT
// The slow paths over slabs: drain, refill, bind; give, retire.
#include "heap/heap.h"

#include <string.h>

#include "heap/heap_private.h"

/* A heap that needs a slab takes so much of what it has along with it. */
#define ROW_SHARE 16

/* Slabs looked at by one drain that is not served before. */
#define DRAIN_SLABS_MAX 16

/* -------------------------------------------------------------------------------------------- lists of slabs ---- */

static void list(struct hak_heap *heap, struct hak_slab *slab)
{
    hak_i_rooms_add(&heap->stacks[slab->class_index].rooms, slab);
    slab->listed = true;
}

void hak_i_heap_unlist(struct hak_heap *heap, struct hak_slab *slab)
{
    hak_i_rooms_remove(&heap->stacks[slab->class_index].rooms, slab);
    slab->listed = false;
}

void hak_i_heap_adopt(struct hak_heap *heap, struct hak_slab *slab)
{
    heap->slab_bytes += slab->span_bytes;
    list(heap, slab);
}

/* ----------------------------------------------------------------------------------------------- empty slabs ---- */

static void forget_retained(struct hak_heap *heap, struct hak_slab *slab)
{
    hak_i_arena_unretain(heap->heaps->slabs->arena, slab->span_bytes);
    slab->retained = false;
}

static void release_span(struct hak_heap *heap, struct hak_slab *slab)
{
    if (slab->retained)
        forget_retained(heap, slab);
    heap->slab_bytes -= slab->span_bytes;
    hak_i_slab_release(heap->heaps->slabs, slab);
}

static void retire_slab(struct hak_heap *heap, struct hak_slab *slab)
{
    hak_i_heap_unlist(heap, slab);
    hak_i_slab_unbind(heap->heaps->slabs, slab);
    release_span(heap, slab);
}

void hak_i_heap_push_empty(struct hak_heap *heap, struct hak_slab *slab)
{
    heap->empties[heap->empty_count] = slab;
    hak_store_relaxed(&heap->empty_count, heap->empty_count + 1);
}

struct hak_slab *hak_i_heap_pop_empty(struct hak_heap *heap)
{
    hak_store_relaxed(&heap->empty_count, heap->empty_count - 1);
    return heap->empties[heap->empty_count];
}

/* Gives several back at once: the newest, for a heap that is torn down from its lowest slab on keeps that. */
static void make_room_for_empty(struct hak_heap *heap)
{
    unsigned left = HAK_HEAP_EMPTIES / 2;
    if (heap->empty_count < HAK_HEAP_EMPTIES)
        return;
    for (unsigned i = left; i < HAK_HEAP_EMPTIES; i++)
        forget_retained(heap, heap->empties[i]);
    heap->slab_bytes -= (size_t)(HAK_HEAP_EMPTIES - left) * HAK_EMPTY_BYTES;
    hak_i_slab_release_row(heap->heaps->slabs, heap->empties + left, HAK_HEAP_EMPTIES - left);
    hak_store_relaxed(&heap->empty_count, left);
}

static bool keep_as_empty(struct hak_heap *heap, struct hak_slab *slab)
{
    struct hak_arena *arena = heap->heaps->slabs->arena;
    if (slab->span_bytes != HAK_EMPTY_BYTES)
        return false;
    make_room_for_empty(heap);
    if (!hak_i_arena_retain(arena, slab->span_bytes))
        return false;
    hak_i_heap_unlist(heap, slab);
    hak_i_slab_unbind(heap->heaps->slabs, slab);
    slab->retained = true;
    hak_i_heap_push_empty(heap, slab);
    return true;
}

static bool keep_in_class(struct hak_heap *heap, struct hak_slab *slab)
{
    struct hak_stack *stack = &heap->stacks[slab->class_index];
    if (stack->kept != NULL || !hak_i_arena_retain(heap->heaps->slabs->arena, slab->span_bytes))
        return false;
    slab->retained = true;
    stack->kept = slab;
    return true;
}

/* Empty and yet in an inbox: a block was freed twice, which collecting it will find. */
static bool is_pending(struct hak_slab *slab)
{
    return hak_load_relaxed(&slab->summary) != 0;
}

void hak_i_heap_retire_if_empty(struct hak_heap *heap, struct hak_slab *slab)
{
    if (!hak_i_slab_is_empty(slab) || is_pending(slab))
        return;
    if (heap->stacks[slab->class_index].kept != slab && !keep_as_empty(heap, slab) && !keep_in_class(heap, slab))
        retire_slab(heap, slab);
}

void hak_i_heap_release_empties(struct hak_heap *heap)
{
    while (heap->empty_count != 0)
        release_span(heap, hak_i_heap_pop_empty(heap));
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        struct hak_slab *kept = heap->stacks[i].kept;
        heap->stacks[i].kept = NULL;
        if (kept != NULL)
            retire_slab(heap, kept);
    }
}

/* ---------------------------------------------------------------------------------------------------- giving ---- */

void hak_i_heap_note(struct hak_heap *heap, void *block, unsigned class_index, bool never_allocated)
{
    if (heap->finding_count < HAK_HEAP_FINDINGS)
        heap->findings[heap->finding_count++] = (struct hak_finding){block, class_index, never_allocated};
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
        list(heap, slab);
}

unsigned hak_i_heap_collect(struct hak_heap *heap, struct hak_slab *slab)
{
    unsigned before = slab->free_count;
    uint64_t words = hak_i_slab_pending_words(slab);
    for (; words != 0; words &= words - 1) {
        unsigned word = hak_bits_lowest(words);
        hak_i_heap_give(heap, slab, word, hak_i_slab_collect(slab, word));
    }
    return slab->free_count - before;
}

static struct hak_slab *next_drained(struct hak_heap *heap)
{
    if (heap->drained == NULL)
        heap->drained = hak_i_inbox_take(&heap->inbox);
    struct hak_slab *slab = heap->drained;
    if (slab != NULL)
        heap->drained =
            hak_load_relaxed(&slab->next_pending); /* before its summary is cleared: then it may be pushed again */
    return slab;
}

/* Collects one pending slab, or forwards it; returns the blocks that came for the class. */
static unsigned drain_one(struct hak_heap *heap, struct hak_slab *slab, unsigned class_index)
{
    struct hak_inbox *owner = hak_load_relaxed(&slab->owner);
    if (owner != &heap->inbox) {
        hak_i_inbox_push(owner, slab);
        return 0;
    }
    unsigned collected = hak_i_heap_collect(heap, slab);
    unsigned served = slab->class_index == class_index ? collected : 0;
    hak_i_heap_retire_if_empty(heap, slab);
    return served;
}

void hak_i_heap_drain(struct hak_heap *heap, unsigned class_index, unsigned enough)
{
    unsigned served = 0;
    for (unsigned seen = 0; seen < DRAIN_SLABS_MAX && served < enough; seen++) {
        struct hak_slab *slab = next_drained(heap);
        if (slab == NULL)
            return;
        served += drain_one(heap, slab, class_index);
    }
}

void hak_i_heap_drain_all(struct hak_heap *heap)
{
    for (struct hak_slab *slab = next_drained(heap); slab != NULL; slab = next_drained(heap))
        drain_one(heap, slab, HAK_CLASS_COUNT);
}

/* ------------------------------------------------------------------------------------------------ allocating ---- */

static void bind_slab(struct hak_heap *heap, struct hak_slab *slab, unsigned class_index)
{
    hak_i_slab_bind(heap->heaps->slabs, slab, class_index, &heap->inbox, heap->hot.id);
    list(heap, slab);
}

bool hak_i_heap_bind_empty(struct hak_heap *heap, unsigned class_index)
{
    if (heap->empty_count == 0 || hak_i_slab_classes[class_index].slab_bytes != HAK_EMPTY_BYTES)
        return false;
    struct hak_slab *slab = hak_i_heap_pop_empty(heap);
    forget_retained(heap, slab);
    bind_slab(heap, slab, class_index);
    return true;
}

/* How many slabs that any class can use a heap takes along with one that it needs; they are retained from then on. */
static size_t retain_more(struct hak_heap *heap, size_t slab_bytes)
{
    size_t share = heap->slab_bytes / (ROW_SHARE * HAK_EMPTY_BYTES);
    size_t room = HAK_HEAP_EMPTIES - heap->empty_count;
    size_t more = share < room ? share : room;
    if (slab_bytes != HAK_EMPTY_BYTES || more == 0)
        return 0;
    return hak_i_arena_retain(heap->heaps->slabs->arena, more * HAK_EMPTY_BYTES) ? more : 0;
}

/* `row` holds what has come; the lowest is bound first. */
static void keep_more(struct hak_heap *heap, struct hak_slab *const *row, size_t count, size_t retained)
{
    if (count < retained)
        hak_i_arena_unretain(heap->heaps->slabs->arena, (retained - count) * HAK_EMPTY_BYTES);
    while (count != 0) {
        struct hak_slab *slab = row[--count];
        slab->retained = true;
        hak_i_heap_push_empty(heap, slab);
    }
}

static bool bind_new(struct hak_heap *heap, unsigned class_index)
{
    struct hak_slab *row[1 + HAK_HEAP_EMPTIES];
    size_t slab_bytes = hak_i_slab_classes[class_index].slab_bytes;
    size_t more = retain_more(heap, slab_bytes);
    size_t count = hak_i_slab_acquire_row(heap->heaps->slabs, slab_bytes, row, 1 + more);
    keep_more(heap, row + 1, count > 1 ? count - 1 : 0, more);
    heap->slab_bytes += count * slab_bytes;
    if (count != 0)
        bind_slab(heap, row[0], class_index);
    return count != 0;
}

/* Before there is no memory: what this heap and idle ones keep for themselves may be in the way of a larger span. */
static bool bind_after_giving_back(struct hak_heap *heap, unsigned class_index)
{
    hak_i_heap_settle(heap);
    hak_i_heap_release_empties(heap);
    if (heap->stacks[class_index].rooms != NULL || bind_new(heap, class_index))
        return true;
    hak_i_heaps_empty_idle(heap->heaps);
    return bind_new(heap, class_index);
}

static void before_taking(struct hak_heap *heap, struct hak_stack *stack, struct hak_slab *slab)
{
    if (stack->kept != slab)
        return;
    stack->kept = NULL;
    forget_retained(heap, slab);
}

static unsigned take_from_rooms(struct hak_heap *heap, unsigned class_index, void **blocks, unsigned count)
{
    struct hak_stack *stack = &heap->stacks[class_index];
    unsigned taken = 0;
    while (stack->rooms != NULL && taken < count) {
        struct hak_slab *slab = hak_i_rooms_lowest(stack->rooms);
        before_taking(heap, stack, slab);
        taken += hak_i_slab_take(slab, count - taken, blocks + taken);
        if (!hak_i_slab_has_room(slab))
            hak_i_heap_unlist(heap, slab);
    }
    return taken;
}

static bool bind_from_sleeper(struct hak_heap *heap, unsigned class_index)
{
    return hak_i_heap_look_at_sleeper(heap, false) &&
           (heap->stacks[class_index].rooms != NULL || hak_i_heap_bind_empty(heap, class_index));
}

/* Drain, refill, bind: what is there already comes before fresh memory. */
static unsigned gather(struct hak_heap *heap, unsigned class_index, void **blocks, unsigned count)
{
    hak_i_heap_drain(heap, class_index, count);
    unsigned taken = take_from_rooms(heap, class_index, blocks, count);
    if (taken != 0)
        return taken;
    bool bound = hak_i_heap_bind_empty(heap, class_index) || bind_from_sleeper(heap, class_index) ||
                 hak_i_heap_take_over(heap, class_index) || bind_new(heap, class_index) ||
                 bind_after_giving_back(heap, class_index);
    return bound ? take_from_rooms(heap, class_index, blocks, count) : 0;
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
    void *blocks[HAK_BATCH_MAX];
    hak_i_heap_enter(heap);
    hak_count(&heap->counts.refills, 1);
    hak_i_combine_publish_all(heap);
    bool whole = hak_i_stack_adapt(heap, class_index, false);
    unsigned taken = gather(heap, class_index, blocks, batch_size(heap, class_index, whole, count));
    unsigned served = taken < count ? taken : (unsigned)count;
    memcpy(out, blocks, served * sizeof *out);
    if (taken > served)
        hak_i_stack_fill(heap, class_index, blocks + served, taken - served);
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
        bind_new(heap, class_index);
    struct hak_slab *slab = hak_i_rooms_lowest(stack->rooms);
    void *block = NULL;
    if (slab != NULL) {
        before_taking(heap, stack, slab);
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

static void give_block(struct hak_heap *heap, void *block)
{
    struct hak_slab *slab = hak_i_heap_slab_at(heap->heaps, (uintptr_t)block);
    unsigned index = hak_i_slab_index(slab, (uintptr_t)block);
    hak_i_heap_give(heap, slab, index / 64, (uint64_t)1 << index % 64);
    hak_i_heap_retire_if_empty(heap, slab);
}

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
        give_block(heap, block);
    }
    hak_i_stacks_tick(heap);
    hak_i_heap_leave(heap);
}

void hak_i_heap_settle(struct hak_heap *heap)
{
    hak_i_stacks_flush_all(heap);
    hak_i_combine_publish_all(heap);
    hak_i_heap_drain_all(heap);
}

void hak_i_heap_purge(struct hak_heap *heap)
{
    hak_i_heap_enter(heap);
    hak_i_heap_settle(heap);
    hak_i_heap_release_empties(heap);
    hak_i_heap_leave(heap);
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
