// SPDX-License-Identifier: MIT
// What runs on a hit. Each condition that leaves it is answered by the caller with one tail call.
#ifndef HAK_HEAP_HOT_H
#define HAK_HEAP_HOT_H

#include "base/atomic.h"
#include "heap/heap.h"

HAK_INLINE struct hak_bin *hak_i_heap_bin(struct hak_heap_hot *heap, size_t scaled_class)
{
    return (struct hak_bin *)(void *)((char *)heap->bins + scaled_class);
}

/* The newest block of the stack; NULL when it is empty, for then a sentinel lies there. */
HAK_INLINE void *hak_i_heap_pop(struct hak_bin *bin)
{
    void **newest = hak_load_relaxed(&bin->top) - 1;
    void *block = *newest;
    if (HAK_LIKELY(block != NULL))
        hak_store_relaxed(&bin->top, newest);
    return block;
}

/*
 * Pops up to `count` blocks of the class, the newest first; how many there were. The stack is as it was until the end,
 * as it is in hak_i_heap_pop(): nothing here calls, and other threads only count what is on it.
 */
HAK_INLINE size_t hak_i_heap_pop_many(struct hak_heap *heap, unsigned class_index, void **out, size_t count)
{
    struct hak_bin *bin = &heap->hot.bins[class_index];
    void **top = hak_load_relaxed(&bin->top);
    size_t held = (size_t)(top - hak_load_relaxed(&heap->stacks[class_index].first));
    size_t taken = held < count ? held : count;
    void **last = top - taken;
    if (taken % 2 != 0)
        *out++ = *--top;
    for (; top != last; top -= 2, out += 2) {
        out[0] = top[-1];
        out[1] = top[-2];
    }
    hak_store_relaxed(&bin->top, last);
    return taken;
}

/*
 * Pushes a block of this heap. False, with nothing changed, when the address is not the start of a block of this heap,
 * or is one of the two blocks freed last, or the stack is full. `scaled_class` as in the ID, if the block is this
 * heap's.
 */
HAK_INLINE bool hak_i_heap_push(struct hak_heap_hot *heap, void *block, size_t scaled_class)
{
    struct hak_bin *bin = hak_i_heap_bin(heap, scaled_class);
    if (HAK_UNLIKELY(((uintptr_t)block & bin->start_mask) * bin->inverse >= bin->inverse))
        return false;
    void **top = hak_load_relaxed(&bin->top);
    if (HAK_UNLIKELY(top[-1] == block || top[-2] == block || top == bin->full))
        return false;
    *top = block;
    hak_store_relaxed(&bin->top, top + 1);
    return true;
}

/* What tells the blocks of one class of a heap from all others. */
struct hak_series {
    uintptr_t
        to_offset; /* added to an address: its distance from the range's start, a multiple of HAK_RANGE_ALIGNMENT */
    size_t units;
    const uint32_t *ids;
    uint32_t id;
    uint64_t start_mask;
    uint64_t inverse;
};

/* As hak_i_heap_push(), where there is room; `top` is not moved. */
HAK_INLINE bool hak_i_heap_push_one(const struct hak_series *series, void **top, void *block)
{
    uintptr_t offset = (uintptr_t)block + series->to_offset;
    size_t unit = offset >> HAK_UNIT_SHIFT;
    if (HAK_UNLIKELY(unit >= series->units) || HAK_UNLIKELY(hak_load_relaxed(&series->ids[unit]) != series->id) ||
        HAK_UNLIKELY((offset & series->start_mask) * series->inverse >= series->inverse) ||
        HAK_UNLIKELY(top[-1] == block || top[-2] == block))
        return false;
    *top = block;
    return true;
}

HAK_INLINE bool hak_i_heap_push_four(const struct hak_series *series, void **top, void *const *blocks)
{
    return hak_i_heap_push_one(series, top, blocks[0]) && hak_i_heap_push_one(series, top + 1, blocks[1]) &&
           hak_i_heap_push_one(series, top + 2, blocks[2]) && hak_i_heap_push_one(series, top + 3, blocks[3]);
}

/*
 * Pushes blocks up to the first that is not of the class of this heap, or that hak_i_heap_push() would refuse; how
 * many. All are on the stack at once in the end: nothing here calls, and other threads only count what is there.
 */
HAK_INLINE size_t hak_i_heap_push_many(struct hak_heap_hot *heap, size_t scaled_class, void *const *blocks,
                                       size_t count)
{
    struct hak_bin *bin = hak_i_heap_bin(heap, scaled_class);
    const struct hak_series series = {0 - heap->base,  heap->units, heap->ids, heap->id | (uint32_t)scaled_class,
                                      bin->start_mask, bin->inverse};
    void **top = hak_load_relaxed(&bin->top);
    size_t room = (size_t)(bin->full - top);
    size_t left = room < count ? room : count;
    void *const *next = blocks;
    for (; left >= 8; left -= 8, top += 8, next += 8)
        if (!hak_i_heap_push_four(&series, top, next) || !hak_i_heap_push_four(&series, top + 4, next + 4))
            break;
    for (; left >= 4 && hak_i_heap_push_four(&series, top, next); left -= 4, top += 4)
        next += 4;
    for (; left != 0 && hak_i_heap_push_one(&series, top, *next); left--, top++)
        next++;
    hak_store_relaxed(&bin->top, top);
    return (size_t)(next - blocks);
}

/* As hak_i_registry_unit(), for a heap that holds something. */
HAK_INLINE size_t hak_i_heap_unit(const struct hak_heap_hot *heap, const void *address)
{
    return ((uintptr_t)address - heap->base) >> HAK_UNIT_SHIFT;
}

/* What the registry says of the address's unit; 0 where that is nothing, and for a heap that holds nothing. */
HAK_INLINE uint32_t hak_i_heap_id_at(const struct hak_heap_hot *heap, const void *address)
{
    size_t unit = hak_i_heap_unit(heap, address);
    return HAK_LIKELY(unit < heap->units) ? hak_load_relaxed(&heap->ids[unit]) : 0;
}

/* Whether the registry's ID is that of a class of another heap, and this one holds something. */
HAK_INLINE bool hak_i_heap_is_foreign(const struct hak_heap_hot *heap, uint32_t id)
{
    return hak_i_heap_number_of_id(id) != 0 && hak_i_heap_number_of_id(id ^ heap->id) != 0;
}

/*
 * Whether a heap that allocates from the class of another heap's block may keep it. One of pool's alone: it would go
 * home with an atomic operation of its own, and it shares no cache line with blocks that its owner hands out.
 */
HAK_INLINE bool hak_i_heap_may_keep(uint32_t id)
{
    return hak_i_heap_class_of_id(id) >= HAK_TINY_CLASS_COUNT;
}

/* Whether another heap's block is in the open entry of its class, or was published and not collected. */
HAK_INLINE bool hak_i_heap_is_going_home(const struct hak_heap_hot *hot, unsigned class_index,
                                         const struct hak_slab *slab, unsigned index)
{
    const struct hak_heap *heap = (const struct hak_heap *)(const void *)hot;
    const struct hak_combine_entry *entry = &heap->combine.current[class_index];
    uint64_t bits = hak_load_relaxed(&slab->remote[index / 64]);
    if (HAK_UNLIKELY(entry->key == slab->start + index / 64))
        bits |= hak_load_relaxed(&entry->bits);
    return (bits >> index % 64 & 1) != 0;
}

/*
 * Puts such a block on this heap's stack for its class, to be allocated here; a heap that does not allocate from one of
 * pool's classes has none. False, with nothing changed, where hak_i_heap_push() would refuse, or where the block is on
 * its way home already. `id` and `slab` are what the registry says of its unit.
 */
HAK_INLINE bool hak_i_heap_keep(struct hak_heap_hot *heap, uint32_t id, const struct hak_slab *slab, void *block)
{
    unsigned class_index = hak_i_heap_class_of_id(id);
    struct hak_bin *bin = &heap->bins[class_index];
    uint64_t inverse = bin->inverse;
    void **top = hak_load_relaxed(&bin->top);
    uintptr_t offset = (uintptr_t)block - hak_load_relaxed(&slab->start);
    unsigned index = (unsigned)((unsigned __int128)offset * inverse >> 64); /* as hak_i_slab_index() */
    if (HAK_UNLIKELY(((uintptr_t)block & bin->start_mask) * inverse >= inverse) ||
        HAK_UNLIKELY(index >= hak_load_relaxed(&slab->carved)) ||
        HAK_UNLIKELY(top[-1] == block || top[-2] == block || top == bin->full) ||
        HAK_UNLIKELY(hak_i_heap_is_going_home(heap, class_index, slab, index)))
        return false;
    __builtin_prefetch(block, 1); /* another processor wrote it last, and it is what this one allocates next */
    *top = block;
    hak_store_relaxed(&bin->top, top + 1);
    return true;
}

/* Whether the heap does not allocate from the class of pool's of another heap's block, and so cannot keep it. */
HAK_INLINE bool hak_i_heap_has_no_stack(const struct hak_heap_hot *heap, uint32_t id)
{
    const struct hak_bin *bin = &heap->bins[hak_i_heap_class_of_id(id)];
    void **top = hak_load_relaxed(&bin->top);
    return top == bin->full && top[-1] == NULL;
}

/* Whether the block was not kept because the class's stack is full, and for nothing else that the stack tells. */
HAK_INLINE bool hak_i_heap_has_no_room(const struct hak_heap_hot *heap, uint32_t id, const void *block)
{
    const struct hak_bin *bin = &heap->bins[hak_i_heap_class_of_id(id)];
    void **top = hak_load_relaxed(&bin->top);
    return top == bin->full && top[-1] != block && top[-2] != block;
}

/*
 * Adds a foreign block to its class's entry in the combining buffer, by arithmetic on the address alone: what
 * other threads write is not looked at. False, with nothing changed, where there is more to do: the entry is for
 * another word of a bitmap, or full with this block, or holds it already, or the address is not the start of a block.
 * `id` is what the registry says of its unit.
 */
HAK_INLINE bool hak_i_heap_combine(struct hak_heap_hot *hot, uint32_t id, void *block)
{
    unsigned class_index = hak_i_heap_class_of_id(id);
    struct hak_combine_entry *entry = &((struct hak_heap *)(void *)hot)->combine.current[class_index];
    const struct hak_class *of = &hak_i_slab_classes[class_index];
    uintptr_t offset = (uintptr_t)block & of->start_mask;
    unsigned index = hak_i_slab_quotient(of, offset);
    uintptr_t key = ((uintptr_t)block - offset) + index / 64;
    uint64_t bits = hak_load_relaxed(&entry->bits), bit = (uint64_t)1 << index % 64;
    if (HAK_UNLIKELY(entry->key != key) || HAK_UNLIKELY(entry->left == 1) || HAK_UNLIKELY((bits & bit) != 0) ||
        HAK_UNLIKELY(offset * of->inverse >= of->inverse))
        return false;
    hak_store_relaxed(&entry->bits, bits | bit);
    entry->left--;
    return true;
}

/* The scaled class of a block of this heap; HAK_CLASSES_SCALED or more for every other address. */
HAK_INLINE size_t hak_i_heap_own_class(const struct hak_heap_hot *heap, const void *block)
{
    size_t unit = ((uintptr_t)block - heap->base) >> HAK_UNIT_SHIFT;
    if (HAK_UNLIKELY(unit >= heap->units))
        return SIZE_MAX;
    return hak_load_relaxed(&heap->ids[unit]) ^ heap->id;
}

#endif
