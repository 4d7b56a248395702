// SPDX-License-Identifier: MIT
// What the stacks of an idle heap hold for its next holder, so that a short thread neither starts with refills nor ends
// with flushes. It counts as retained, as empty slabs do, and everything that reaches for idle memory can have it.
#include "heap/heap_private.h"

/* These have stacks from the start. */
#define TINY_CLASSES (((uint64_t)1 << HAK_TINY_CLASS_COUNT) - 1)

/* A stack that holds up to so many times what a new heap's may hold keeps the newest of it. */
#define SHORTEN_FACTOR 2

/*
 * The slab of all the blocks, which is all that they keep from becoming empty; or NULL, and they cannot stay on the
 * stack. A block that is wrong there is named by flushing it.
 */
static struct hak_slab *common_slab(const struct hak_heap *heap, unsigned class_index, unsigned count)
{
    const struct hak_registry *registry = heap->heaps->slabs->arena->registry;
    void *const *blocks = heap->stacks[class_index].first;
    size_t unit = hak_i_registry_unit(registry, (uintptr_t)blocks[0]);
    if (hak_i_registry_id(registry, unit) != (heap->hot.id | class_index * HAK_BIN_BYTES))
        return NULL;
    struct hak_slab *slab = (struct hak_slab *)hak_i_registry_record(registry, unit);
    return hak_i_slab_are_still_out(slab, blocks, count) ? slab : NULL;
}

/* Flushes what a new heap's stack could not hold, or all if that is much; returns how many are left. */
static unsigned shorten(struct hak_heap *heap, unsigned class_index)
{
    unsigned count = hak_i_stack_count(heap, class_index);
    unsigned most = hak_i_stack_first_capacity(heap, class_index);
    if (count <= most)
        return count;
    hak_i_stack_flush_to(heap, class_index, count <= SHORTEN_FACTOR * most ? most : 0);
    return hak_i_stack_count(heap, class_index);
}

/* As a new heap's, but for what stays on it; returns the slab of that. */
static struct hak_slab *make_short(struct hak_heap *heap, unsigned class_index)
{
    struct hak_stack *stack = &heap->stacks[class_index];
    unsigned count = shorten(heap, class_index);
    struct hak_slab *slab = count != 0 ? common_slab(heap, class_index, count) : NULL;
    if (count != 0 && slab == NULL)
        hak_i_stack_flush(heap, class_index);
    stack->run = 0;
    if (stack->capacity != hak_i_stack_first_capacity(heap, class_index))
        hak_i_stack_renew(heap, class_index);
    return slab;
}

/* Whether it is short already, as a stack mostly is that the thread has only taken from and put back to. */
static bool is_short_still(const struct hak_heap *heap, unsigned class_index)
{
    const struct hak_stack *stack = &heap->stacks[class_index];
    unsigned count = hak_i_stack_count(heap, class_index);
    return stack->put_away != NULL && count != 0 && hak_i_slab_are_still_out(stack->put_away, stack->first, count);
}

/* Returns the bytes of the slab that the stack keeps blocks of. */
static size_t put_stack_away(struct hak_heap *heap, unsigned class_index)
{
    if (!is_short_still(heap, class_index))
        heap->stacks[class_index].put_away = make_short(heap, class_index);
    return heap->stacks[class_index].put_away != NULL ? hak_i_slab_classes[class_index].slab_bytes : 0;
}

void hak_i_stacks_put_away(struct hak_heap *heap)
{
    hak_i_heap_drain_all(heap);
    size_t bytes = 0;
    for (uint64_t classes = TINY_CLASSES | heap->started; classes != 0; classes &= classes - 1)
        bytes += put_stack_away(heap, hak_bits_lowest(classes));
    heap->started = 0;
    if (bytes != 0 && !hak_i_arena_retain(heap->heaps->slabs->arena, bytes)) {
        hak_i_stacks_flush_all(heap);
        bytes = 0;
    }
    hak_i_depots_empty(heap);
    hak_i_combine_publish_all(heap); /* flushing may have added to it */
    hak_i_heap_tend_sleeper(heap);
    heap->put_away_bytes = bytes;
}

void hak_i_heap_put_away(struct hak_heap *heap)
{
    hak_i_heap_enter(heap);
    hak_i_stacks_put_away(heap);
    hak_i_heap_leave(heap);
}

static void forget_bytes(struct hak_heap *heap, size_t bytes)
{
    hak_i_arena_unretain(heap->heaps->slabs->arena, bytes);
    heap->put_away_bytes -= bytes;
}

void hak_i_stacks_take_out(struct hak_heap *heap)
{
    if (heap->put_away_bytes != 0)
        forget_bytes(heap, heap->put_away_bytes);
}

void hak_i_stack_give_up(struct hak_heap *heap, unsigned class_index)
{
    if (hak_i_stack_count(heap, class_index) == 0)
        return;
    forget_bytes(heap, hak_i_slab_classes[class_index].slab_bytes);
    hak_i_stack_flush(heap, class_index);
}
