// SPDX-License-Identifier: MIT
// The stacks: how large each may be, and what happens when one is full. Capacity follows use: it doubles when refills
// and flushes alternate, for then the class swings by more than its stack holds; it is taken back from classes that
// stand still or only free.
#include <string.h>

#include "base/option.h"
#include "heap/heap_hot.h"
#include "heap/heap_private.h"

/* A stack that only drains needs no more than two batches. */
#define ONE_WAY_SLOTS_MAX (2 * HAK_BATCH_MAX)

/* A class that was flushed so often in a row is being torn down: each block left on its stack holds a whole slab. */
#define FLUSHES_IN_A_ROW 4

/* If its blocks come in order, so many of a slab at a time, its stack keeps room for so much, up to a batch. */
#define NEIGHBOURS 8
#define TEAR_DOWN_BYTES (32 * HAK_KIB)

/*
 * What the stacks of a heap may hold, in bytes of capacity: its part of what all heaps share, or an eighth of its
 * slabs, between these. With 2 MiB for each, pool_tls (8 to 52 KiB) took 172 instructions a replacement, with 8 MiB it
 * takes 82, and the peak of its resident set is 6 % lower, for blocks come back that else lie in other slabs.
 */
#define GRANT_BYTES_MIN (2 * HAK_MIB)
#define GRANT_BYTES_MAX (8 * HAK_MIB)
#define GRANT_BYTES_SHARED (64 * HAK_MIB)

/* One class is looked at every so many slow calls, and so many to make way for another. */
#define TICKS_PER_LOOK 32
#define LOOKS_FOR_ROOM 4

static struct hak_bin *bin_of(struct hak_heap *heap, unsigned class_index)
{
    return &heap->hot.bins[class_index];
}

static void **array_end(const struct hak_stack *stack)
{
    return stack->array + HAK_STACK_SENTINELS + stack->slots;
}

/* Sets the window's start, with the sentinels below it, and what follows from it. */
static void set_first(struct hak_heap *heap, unsigned class_index, void **first)
{
    struct hak_stack *stack = &heap->stacks[class_index];
    void **limit = first + stack->capacity;
    first[-1] = NULL;
    first[-2] = NULL;
    hak_store_relaxed(&stack->first, first);
    bin_of(heap, class_index)->full = limit < array_end(stack) ? limit : array_end(stack);
}

/* Moves the window to the start of `array`. */
static void move_window(struct hak_heap *heap, unsigned class_index, void **array)
{
    unsigned count = hak_i_stack_count(heap, class_index);
    void **first = array + HAK_STACK_SENTINELS;
    memmove(first, heap->stacks[class_index].first, count * sizeof *first);
    heap->stacks[class_index].array = array;
    hak_store_relaxed(&bin_of(heap, class_index)->top, first + count);
    set_first(heap, class_index, first);
}

void hak_i_stacks_init(struct hak_heap *heap)
{
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        const struct hak_class *of = &hak_i_slab_classes[i];
        struct hak_stack *stack = &heap->stacks[i];
        stack->slots = HAK_INLINE_SLOTS;
        stack->filled = i >= HAK_TINY_CLASS_COUNT; /* pool's stacks are bounded by bytes from the first on */
        stack->capacity = hak_i_stack_first_capacity(heap, i);
        stack->array = heap->inline_slots[i]; /* all 0, and so are the sentinels */
        stack->first = stack->array + HAK_STACK_SENTINELS;
        heap->granted_bytes += (size_t)stack->capacity * of->block_bytes;
        heap->hot.bins[i] = (struct hak_bin){of->start_mask, of->inverse, stack->first, stack->first + stack->capacity};
    }
}

/* -------------------------------------------------------------------------------------------------- flushing ---- */

static unsigned flush_oldest(struct hak_heap *heap, unsigned class_index, unsigned count)
{
    void **first = heap->stacks[class_index].first;
    unsigned words = hak_i_heap_give_blocks(heap, class_index, first, count);
    set_first(heap, class_index, first + count);
    return words;
}

void hak_i_stack_flush_to(struct hak_heap *heap, unsigned class_index, unsigned left)
{
    for (unsigned count; (count = hak_i_stack_count(heap, class_index)) > left;)
        flush_oldest(heap, class_index, count - left < HAK_BATCH_MAX ? count - left : HAK_BATCH_MAX);
}

void hak_i_stack_flush(struct hak_heap *heap, unsigned class_index)
{
    hak_i_stack_flush_to(heap, class_index, 0);
}

void hak_i_stacks_flush_all(struct hak_heap *heap)
{
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++)
        hak_i_stack_flush(heap, i);
}

void hak_i_stacks_abandon(struct hak_heap *heap)
{
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        hak_store_relaxed(&bin_of(heap, i)->top, heap->stacks[i].first);
        move_window(heap, i, heap->stacks[i].array);
    }
}

/* -------------------------------------------------------------------------------------------------- capacity ---- */

/* Arrays are twice the capacity, so that the window is moved back once in a capacity's worth of frees at most. */
static size_t array_bytes(uint32_t slots)
{
    return (size_t)(slots + HAK_STACK_SENTINELS) * sizeof(void *);
}

static bool is_inline(struct hak_heap *heap, unsigned class_index)
{
    return heap->stacks[class_index].array == heap->inline_slots[class_index];
}

static bool move_to_array_for(struct hak_heap *heap, unsigned class_index, uint32_t capacity)
{
    struct hak_stack *stack = &heap->stacks[class_index];
    struct hak_meta *meta = heap->heaps->slabs->arena->meta;
    bool fits_inline = capacity <= HAK_INLINE_SLOTS;
    uint32_t slots = fits_inline ? HAK_INLINE_SLOTS : 2 * capacity - HAK_STACK_SENTINELS;
    void **array =
        fits_inline ? heap->inline_slots[class_index] : (void **)hak_i_meta_acquire(meta, array_bytes(slots));
    if (array == NULL)
        return false;
    void **old_array = is_inline(heap, class_index) ? NULL : stack->array;
    size_t old_bytes = array_bytes(stack->slots);
    stack->slots = slots;
    stack->capacity = capacity;
    move_window(heap, class_index, array);
    if (old_array != NULL)
        hak_i_meta_release(meta, old_array, old_bytes);
    return true;
}

/* `capacity` is at least the number of blocks on the stack. */
static bool set_capacity(struct hak_heap *heap, unsigned class_index, uint32_t capacity)
{
    struct hak_stack *stack = &heap->stacks[class_index];
    size_t block_bytes = hak_i_slab_classes[class_index].block_bytes;
    uint32_t before = stack->capacity;
    bool fits = capacity <= stack->slots && (is_inline(heap, class_index) || capacity > stack->slots / 8);
    if (fits) {
        stack->capacity = capacity;
        set_first(heap, class_index, stack->first);
    } else if (!move_to_array_for(heap, class_index, capacity)) {
        return false;
    }
    heap->granted_bytes += (size_t)capacity * block_bytes;
    heap->granted_bytes -= (size_t)before * block_bytes;
    return true;
}

void hak_i_stack_renew(struct hak_heap *heap, unsigned class_index)
{
    set_capacity(heap, class_index, hak_i_stack_first_capacity(heap, class_index));
}

/* Towards half the capacity, as far as one batch less on the stack allows. */
static void shrink(struct hak_heap *heap, unsigned class_index)
{
    struct hak_stack *stack = &heap->stacks[class_index];
    uint32_t least = hak_i_stack_first_capacity(heap, class_index);
    uint32_t capacity = stack->capacity / 2 > least ? stack->capacity / 2 : least;
    unsigned count = hak_i_stack_count(heap, class_index);
    unsigned surplus = count > capacity ? count - capacity : 0;
    unsigned flushed = surplus < HAK_BATCH_MAX ? surplus : HAK_BATCH_MAX;
    if (flushed != 0)
        flush_oldest(heap, class_index, flushed);
    capacity += surplus - flushed;
    if (capacity < stack->capacity)
        set_capacity(heap, class_index, capacity);
}

/* Shrinks the class if no slow call has come from it since the last look: then its stack is larger than its swings. */
static void look(struct hak_heap *heap)
{
    struct hak_stack *stack = &heap->stacks[heap->look_at];
    if (!stack->used)
        shrink(heap, heap->look_at);
    stack->used = false;
    hak_i_depot_look(heap, heap->look_at);
    heap->look_at = (heap->look_at + 1) % HAK_CLASS_COUNT;
}

void hak_i_stacks_tick(struct hak_heap *heap)
{
    if (++heap->ticks % TICKS_PER_LOOK != 0)
        return;
    look(heap);
    heap->crowded = false;
}

static size_t grant_limit(const struct hak_heap *heap)
{
    const struct hak_heaps *heaps = heap->heaps;
    size_t held = hak_load_relaxed(&heaps->heap_count) - hak_load_relaxed(&heaps->idle_count);
    size_t part = GRANT_BYTES_SHARED / (held > 0 ? held : 1);
    size_t eighth = heap->slab_bytes / 8;
    size_t bytes = part > eighth ? part : eighth;
    return bytes < GRANT_BYTES_MIN ? GRANT_BYTES_MIN : bytes < GRANT_BYTES_MAX ? bytes : GRANT_BYTES_MAX;
}

/* Shrinks others if need be; when that was in vain, not again before the next regular look. */
static bool has_room(struct hak_heap *heap, size_t more_bytes)
{
    size_t limit = grant_limit(heap);
    for (int i = 0; i < LOOKS_FOR_ROOM && !heap->crowded && heap->granted_bytes + more_bytes > limit; i++)
        look(heap);
    heap->crowded = heap->granted_bytes + more_bytes > limit;
    return !heap->crowded;
}

/* Raises the capacity to `slots` if the heap's bytes allow it. */
static void grant(struct hak_heap *heap, unsigned class_index, uint32_t slots)
{
    struct hak_stack *stack = &heap->stacks[class_index];
    size_t more_bytes = (size_t)(slots - stack->capacity) * hak_i_slab_classes[class_index].block_bytes;
    if (has_room(heap, more_bytes))
        set_capacity(heap, class_index, slots);
    else if (stack->capacity == 0)
        set_capacity(heap, class_index, 1);
}

/* Counts slow events of one kind in a row; true: the kind has just changed. */
static bool note_event(struct hak_stack *stack, bool flushing)
{
    bool swings = flushing != stack->flushed_last;
    stack->run = swings ? 1 : stack->run + 1;
    stack->flushed_last = flushing;
    stack->used = true;
    stack->put_away = NULL;
    return swings;
}

static bool only_frees(const struct hak_stack *stack, const struct hak_class *of)
{
    return stack->flushed_last && stack->run >= FLUSHES_IN_A_ROW && stack->run * HAK_BATCH_MAX > of->most_slots;
}

static void grow(struct hak_heap *heap, unsigned class_index, bool swings)
{
    struct hak_stack *stack = &heap->stacks[class_index];
    uint32_t most = hak_i_slab_classes[class_index].most_slots;
    if (!swings && most > ONE_WAY_SLOTS_MAX)
        most = ONE_WAY_SLOTS_MAX;
    if (2 * stack->capacity <= most)
        grant(heap, class_index, 2 * stack->capacity);
}

/* The first grant; true: the class is pre-warmed. */
static bool start_stack(struct hak_heap *heap, unsigned class_index)
{
    const struct hak_class *of = &hak_i_slab_classes[class_index];
    heap->started |= (uint64_t)1 << class_index;
    bool prewarm = of->prewarm_slots != 0 && hak_i_base_options.pool_prewarm == HAK_PREWARM_FIXED;
    grant(heap, class_index, prewarm ? of->prewarm_slots : of->first_slots);
    return prewarm;
}

bool hak_i_stack_adapt(struct hak_heap *heap, unsigned class_index, bool flushing)
{
    struct hak_stack *stack = &heap->stacks[class_index];
    bool swings = note_event(stack, flushing);
    if (heap->heaps->check_full)
        return false;
    if (stack->capacity == 0)
        return start_stack(heap, class_index);
    if (swings || (!flushing && stack->run > 1)) /* one refill says nothing about the class */
        grow(heap, class_index, swings);
    return false;
}

/* --------------------------------------------------------------------------------------------- filling, full ---- */

void hak_i_stack_fill(struct hak_heap *heap, unsigned class_index, void *const *blocks, unsigned count)
{
    void **first = heap->stacks[class_index].array + HAK_STACK_SENTINELS;
    memcpy(first, blocks, count * sizeof *first);
    set_first(heap, class_index, first);
    hak_store_relaxed(&bin_of(heap, class_index)->top, first + count);
}

/* What a class that is torn down may have left; `words` of bitmaps took the last `count` blocks. */
static uint32_t tear_down_slots(const struct hak_class *of, unsigned count, unsigned words)
{
    uint32_t slots = TEAR_DOWN_BYTES / of->block_bytes;
    slots = slots < HAK_BATCH_MAX ? slots : HAK_BATCH_MAX;
    return slots > of->first_slots && words * NEIGHBOURS <= count ? slots : of->first_slots;
}

/* Half of it; or all, and the capacity with it, when the class is being torn down; one batch at most. */
static void flush_full(struct hak_heap *heap, unsigned class_index)
{
    struct hak_stack *stack = &heap->stacks[class_index];
    const struct hak_class *of = &hak_i_slab_classes[class_index];
    bool tear_down = only_frees(stack, of);
    unsigned wanted = tear_down ? stack->capacity : (stack->capacity + 1) / 2;
    unsigned flushed = wanted < HAK_BATCH_MAX ? wanted : HAK_BATCH_MAX;
    unsigned words = flush_oldest(heap, class_index, flushed);
    uint32_t left = stack->capacity - flushed + 1;
    uint32_t least = tear_down_slots(of, flushed, words);
    if (tear_down && stack->capacity > least)
        set_capacity(heap, class_index, left > least ? left : least);
}

bool hak_i_stack_make_room(struct hak_heap *heap, unsigned class_index)
{
    struct hak_stack *stack = &heap->stacks[class_index];
    struct hak_bin *bin = bin_of(heap, class_index);
    hak_i_stack_adapt(heap, class_index, true);
    if (stack->capacity == 0)
        return false;
    if (hak_i_stack_count(heap, class_index) == stack->capacity)
        flush_full(heap, class_index);
    if (bin->top == bin->full)
        move_window(heap, class_index, stack->array);
    return true;
}
