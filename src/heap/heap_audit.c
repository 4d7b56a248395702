// SPDX-License-Identifier: MIT
#include "heap/heap_private.h"

static bool sentinels_are_there(const struct hak_heap *heap, unsigned class_index)
{
    void **first = heap->stacks[class_index].first;
    return first[-1] == NULL && first[-2] == NULL;
}

static bool window_is_sound(const struct hak_heap *heap, unsigned class_index)
{
    const struct hak_stack *stack = &heap->stacks[class_index];
    const struct hak_bin *bin = &heap->hot.bins[class_index];
    return stack->array + HAK_STACK_SENTINELS <= stack->first && stack->first <= bin->top && bin->top <= bin->full &&
           bin->full <= stack->array + HAK_STACK_SENTINELS + stack->slots &&
           bin->full <= stack->first + stack->capacity;
}

static bool granted_is_right(const struct hak_heap *heap)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++)
        bytes += (size_t)heap->stacks[i].capacity * hak_i_slab_classes[i].block_bytes;
    return bytes == heap->granted_bytes;
}

static bool rooms_are_sound(const struct hak_heap *heap, unsigned class_index)
{
    struct hak_slab *rooms = heap->stacks[class_index].rooms;
    for (struct hak_slab *slab = hak_i_rooms_lowest(rooms); slab != NULL; slab = hak_i_rooms_next(rooms, slab))
        if (slab->class_index != class_index || hak_load_relaxed(&slab->owner) != &heap->inbox || !slab->listed ||
            hak_i_slab_audit(heap->heaps->slabs, slab) != 0)
            return false;
    return true;
}

static bool idle_is_sound(const struct hak_heap *heap)
{
    bool gathered = heap->combine.open != 0 || heap->combine.waiting_mask != 0;
    return heap->held || (!gathered && (hak_load_relaxed(&heap->inbox.head) & HAK_INBOX_IDLE) != 0);
}

static bool is_of_one_slab(const struct hak_heap *heap, unsigned class_index, unsigned count)
{
    void *const *blocks = heap->stacks[class_index].first;
    return hak_i_slab_are_out(hak_i_heap_slab_at(heap->heaps, (uintptr_t)blocks[0]), blocks, count);
}

static bool is_own_of_class(const struct hak_heap *heap, const struct hak_slab *slab, unsigned class_index)
{
    return slab->state == HAK_SLAB_BOUND && slab->class_index == class_index &&
           hak_load_relaxed(&slab->owner) == &heap->inbox;
}

static bool put_away_is_right(const struct hak_heap *heap)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        const struct hak_slab *slab = heap->stacks[i].put_away;
        if (slab != NULL && !is_own_of_class(heap, slab, i))
            return false;
    }
    for (unsigned i = 0; i < HAK_CLASS_COUNT && !heap->held; i++) {
        unsigned count = hak_i_stack_count(heap, i);
        if (count != 0 && !is_of_one_slab(heap, i, count))
            return false;
        bytes += count != 0 ? hak_i_slab_classes[i].slab_bytes : 0;
    }
    return bytes == heap->put_away_bytes;
}

static unsigned slabs_with_holes(const struct hak_heap *heap, unsigned class_index)
{
    unsigned count = 0;
    struct hak_slab *rooms = heap->stacks[class_index].rooms;
    for (struct hak_slab *slab = hak_i_rooms_lowest(rooms); slab != NULL; slab = hak_i_rooms_next(rooms, slab))
        count += hak_i_holes_bytes(heap, slab) != 0;
    return count;
}

static bool holes_are_right(const struct hak_heap *heap)
{
    unsigned count = 0, linked = 0;
    size_t bytes = 0;
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++)
        count += slabs_with_holes(heap, i);
    const struct hak_slab *newer = NULL;
    for (const struct hak_slab *slab = heap->newest_holes; slab != NULL; newer = slab, slab = slab->older_holes) {
        if (slab->hole_bytes == 0 || slab->hole_bytes != hak_i_holes_bytes(heap, slab) || slab->newer_holes != newer)
            return false;
        linked++;
        bytes += slab->hole_bytes;
    }
    return linked == count && bytes == heap->hole_bytes && heap->oldest_holes == newer && heap->hole_change == 0;
}

int hak_i_heap_audit(const struct hak_heap *heap)
{
    if (!granted_is_right(heap))
        return 1;
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        if (!rooms_are_sound(heap, i))
            return 2;
        if (!window_is_sound(heap, i))
            return 4;
        if (!sentinels_are_there(heap, i))
            return 5;
    }
    if (!idle_is_sound(heap))
        return 3;
    if (!put_away_is_right(heap))
        return 6;
    return holes_are_right(heap) ? 0 : 7;
}
