// SPDX-License-Identifier: MIT
// Where slabs come from and where they go: the lists of those with room, those that are kept empty, and the arena.
#include <string.h>

#include "heap/heap_private.h"

/* A heap that needs a slab takes so much of what it has along with it. */
#define ROW_SHARE 16

/* -------------------------------------------------------------------------------------------- lists of slabs ---- */

void hak_i_heap_list(struct hak_heap *heap, struct hak_slab *slab)
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
    hak_i_heap_list(heap, slab);
}

/* ----------------------------------------------------------------------------------------------- empty slabs ---- */

static void forget_retained(struct hak_heap *heap, struct hak_slab *slab)
{
    hak_i_arena_unretain(heap->heaps->slabs->arena, slab->span_bytes);
    slab->retained = false;
    hak_i_holes_recount(heap, slab);
}

static void release_span(struct hak_heap *heap, struct hak_slab *slab)
{
    if (slab->retained)
        forget_retained(heap, slab);
    heap->slab_bytes -= slab->span_bytes;
    hak_i_slab_release(heap->heaps->slabs, slab);
}

static void unbind_slab(struct hak_heap *heap, struct hak_slab *slab)
{
    hak_i_stack_forget(&heap->stacks[slab->class_index], slab);
    hak_i_heap_unlist(heap, slab);
    hak_i_slab_unbind(heap->heaps->slabs, slab);
}

static void retire_slab(struct hak_heap *heap, struct hak_slab *slab)
{
    unbind_slab(heap, slab);
    hak_i_holes_recount(heap, slab);
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
    unsigned left = HAK_HEAP_EMPTIES / 4;
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
    unbind_slab(heap, slab);
    slab->retained = true;
    hak_i_holes_recount(heap, slab);
    hak_i_heap_push_empty(heap, slab);
    return true;
}

static bool keep_in_class(struct hak_heap *heap, struct hak_slab *slab)
{
    struct hak_stack *stack = &heap->stacks[slab->class_index];
    if (stack->kept != NULL || !hak_i_arena_retain(heap->heaps->slabs->arena, slab->span_bytes))
        return false;
    slab->retained = true;
    hak_i_holes_recount(heap, slab);
    stack->kept = slab;
    return true;
}

/* Empty and yet in an inbox: a block was freed twice, which collecting it will find. */
void hak_i_heap_retire_if_empty(struct hak_heap *heap, struct hak_slab *slab)
{
    if (!hak_i_slab_is_empty(slab) || hak_i_slab_is_pending(slab))
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
        if (kept == NULL || hak_i_slab_is_pending(kept))
            continue;
        heap->stacks[i].kept = NULL;
        retire_slab(heap, kept);
    }
}

/* --------------------------------------------------------------------------------------------------- binding ---- */

static void bind_slab(struct hak_heap *heap, struct hak_slab *slab, unsigned class_index)
{
    hak_i_slab_bind(heap->heaps->slabs, slab, class_index, &heap->inbox, heap->hot.id);
    hak_i_heap_list(heap, slab);
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

bool hak_i_heap_bind_new(struct hak_heap *heap, unsigned class_index)
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

void hak_i_heap_before_taking(struct hak_heap *heap, struct hak_stack *stack, struct hak_slab *slab)
{
    if (stack->kept != slab)
        return;
    stack->kept = NULL;
    forget_retained(heap, slab);
}
