// SPDX-License-Identifier: MIT
// Blocks of a stack go where they belong: to slabs of this heap, or to other heaps.
#include "heap/heap_hot.h"
#include "heap/heap_private.h"

#define PREFETCH_AHEAD 8

/* Blocks of other heaps among those that are given back. */
struct foreign {
    unsigned count;
    void *blocks[HAK_BATCH_MAX];
};

/* A block of another heap, kept here or parted with; or one whose slab is gone: it was freed twice. */
static void put_aside(struct hak_heap *heap, struct foreign *foreign, uint32_t id, unsigned class_index, void *block)
{
    bool is_of_class = hak_i_heap_number_of_id(id) != 0 && hak_i_heap_class_of_id(id) == class_index;
    if (is_of_class && (hak_i_heap_may_keep(id) || heap->parted))
        foreign->blocks[foreign->count++] = block;
    else
        hak_i_heap_note(heap, block, class_index, false);
}

/* How many of the first blocks lie side by side in one word of the bitmap, the first with the bit `index`. */
static unsigned run_length(const struct hak_class *of, void *const *blocks, unsigned count, unsigned index)
{
    uintptr_t expected = (uintptr_t)blocks[0] + of->block_bytes;
    if (count == 1 || (uintptr_t)blocks[1] != expected)
        return 1;
    unsigned word_end = index / 64 * 64 + 64;
    unsigned in_word = (word_end < of->block_count ? word_end : of->block_count) - index;
    void *const *end = blocks + (count < in_word ? count : in_word);
    void *const *next = blocks + 1;
    size_t size = of->block_bytes;
    for (; end - next >= 2 && (uintptr_t)next[0] == expected && (uintptr_t)next[1] == expected + size; next += 2)
        expected += 2 * size;
    if (next != end && (uintptr_t)*next == expected)
        next++;
    return (unsigned)(next - blocks);
}

/* Gives the first blocks back, up to one that does not fall into the same word of the bitmap; how many. */
static unsigned give_word(struct hak_heap *heap, struct hak_slab *slab, void *const *blocks, unsigned count)
{
    const struct hak_class *of = hak_i_slab_class(slab);
    unsigned index = hak_i_slab_index(slab, (uintptr_t)blocks[0]), word = index / 64;
    size_t from = (size_t)64 * word * of->block_bytes;
    size_t to = from + (size_t)64 * of->block_bytes;
    size_t word_bytes = (to < slab->span_bytes ? to : slab->span_bytes) - from;
    uintptr_t word_start = slab->start + from;
    unsigned given = run_length(of, blocks, count, index);
    uint64_t bits = hak_bits_range(index % 64, given);
    for (uintptr_t offset; given < count && (offset = (uintptr_t)blocks[given] - word_start) < word_bytes; given++) {
        uint64_t bit = (uint64_t)1 << hak_i_slab_quotient(of, offset);
        if (HAK_UNLIKELY((bits & bit) != 0))
            hak_i_heap_note(heap, blocks[given], slab->class_index, false);
        bits |= bit;
    }
    hak_i_heap_give(heap, slab, word, bits);
    hak_i_heap_retire_if_empty(heap, slab);
    return given;
}

/* What giving a block back touches. */
static void prefetch_record(const struct hak_registry *registry, const void *block)
{
    size_t unit = hak_i_registry_unit(registry, (uintptr_t)block);
    const struct hak_slab *slab = (const struct hak_slab *)hak_i_registry_record(registry, unit);
    __builtin_prefetch(&slab->start);
    __builtin_prefetch(&slab->local[0], 1);
    __builtin_prefetch(&slab->free_count, 1);
}

/* Those of this heap; returns how many words of bitmaps all fell into. */
static unsigned give_own(struct hak_heap *heap, unsigned class_index, void *const *blocks, unsigned count,
                         struct foreign *foreign)
{
    const struct hak_registry *registry = heap->heaps->slabs->arena->registry;
    uint32_t own_id = heap->hot.id | class_index * HAK_BIN_BYTES;
    for (unsigned i = 0; i < PREFETCH_AHEAD && i < count; i++)
        prefetch_record(registry, blocks[i]);
    unsigned words = 0;
    foreign->count = 0;
    for (unsigned i = 0; i < count; words++) {
        if (i + PREFETCH_AHEAD < count)
            prefetch_record(registry, blocks[i + PREFETCH_AHEAD]);
        size_t unit = hak_i_registry_unit(registry, (uintptr_t)blocks[i]);
        uint32_t id = hak_i_registry_id(registry, unit);
        if (HAK_LIKELY(id == own_id))
            i += give_word(heap, (struct hak_slab *)hak_i_registry_record(registry, unit), blocks + i, count - i);
        else
            put_aside(heap, foreign, id, class_index, blocks[i++]);
    }
    return words;
}

static void send_home(struct hak_heap *heap, unsigned class_index, const struct foreign *foreign, unsigned first)
{
    for (unsigned i = first; i < foreign->count; i++)
        hak_i_combine_add(heap, class_index, foreign->blocks[i]);
}

unsigned hak_i_heap_give_blocks(struct hak_heap *heap, unsigned class_index, void *const *blocks, unsigned count)
{
    struct foreign foreign;
    unsigned words = give_own(heap, class_index, blocks, count, &foreign);
    unsigned passed = 0;
    if (foreign.count != 0 && class_index >= HAK_TINY_CLASS_COUNT)
        passed = hak_i_depot_put(heap->heaps, class_index, foreign.blocks, foreign.count);
    send_home(heap, class_index, &foreign, passed);
    return words;
}

void hak_i_heap_send_home(struct hak_heap *heap, unsigned class_index, void *const *blocks, unsigned count)
{
    struct foreign foreign;
    give_own(heap, class_index, blocks, count, &foreign);
    send_home(heap, class_index, &foreign, 0);
}
