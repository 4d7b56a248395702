// SPDX-License-Identifier: MIT
// Frees of other heaps' blocks. They are gathered per word of a slab's bitmap, by arithmetic on the address alone, and
// published when the entry is needed for another word, when it is worth it, or when the thread takes a slow path.
#include "heap/heap_private.h"

/* An entry is published when it holds so much. */
#define PUBLISH_BYTES (16 * HAK_KIB)

/*
 * Where the address leads: the slab (by arithmetic, or by its record where a block is larger than a unit) and the bit.
 */
struct place {
    uintptr_t slab_start;
    unsigned word;
    uint64_t bit;
};

static struct place place_of(const struct hak_heaps *heaps, const struct hak_class *of, uintptr_t address)
{
    bool by_arithmetic = of->block_bytes < HAK_UNIT_BLOCK_BYTES;
    uintptr_t start = by_arithmetic ? address & ~(uintptr_t)of->start_mask
                                    : hak_load_relaxed(&hak_i_heap_slab_at(heaps, address)->start);
    unsigned index = hak_i_slab_quotient(of, address - start);
    return (struct place){start, index / 64, (uint64_t)1 << index % 64};
}

/* Whether the span still holds blocks of the class: only a block freed twice can find that it does not. */
static bool is_still(const struct hak_heaps *heaps, uintptr_t slab_start, unsigned class_index)
{
    const struct hak_registry *registry = heaps->slabs->arena->registry;
    uint32_t id = hak_i_registry_id(registry, hak_i_registry_unit(registry, slab_start));
    return hak_i_heap_number_of_id(id) != 0 && hak_i_heap_class_of_id(id) == class_index;
}

/* Returns the bits that were free already. */
static uint64_t publish(struct hak_heaps *heaps, unsigned class_index, uintptr_t slab_start, unsigned word,
                        uint64_t bits)
{
    if (!is_still(heaps, slab_start, class_index))
        return bits;
    struct hak_publication result = hak_i_slab_publish(hak_i_heap_slab_at(heaps, slab_start), word, bits);
    if (result.idle != NULL)
        hak_i_heap_tend(heaps, result.idle);
    return result.freed_twice;
}

bool hak_i_heap_publish(struct hak_heaps *heaps, uint32_t id, void *block)
{
    unsigned class_index = hak_i_heap_class_of_id(id);
    struct place place = place_of(heaps, &hak_i_slab_classes[class_index], (uintptr_t)block);
    hak_i_heaps_enter_heapless(heaps);
    bool freed_twice = publish(heaps, class_index, place.slab_start, place.word, place.bit) != 0;
    hak_i_heaps_leave_heapless(heaps);
    return freed_twice;
}

static void note_freed_twice(struct hak_heap *heap, uintptr_t slab_start, unsigned word, unsigned class_index,
                             uint64_t bits)
{
    size_t block_bytes = hak_i_slab_classes[class_index].block_bytes;
    for (; bits != 0; bits &= bits - 1) {
        uintptr_t block = slab_start + (word * 64 + hak_bits_lowest(bits)) * block_bytes;
        hak_i_heap_note(heap, (void *)block, class_index, false);
    }
}

static void publish_entry(struct hak_heap *heap, unsigned index)
{
    struct hak_combine_entry *entry = &heap->combine.entries[index];
    uintptr_t slab_start = hak_round_down(entry->key, HAK_UNIT_BYTES);
    unsigned word = (unsigned)(entry->key - slab_start);
    uint64_t bits = entry->bits;
    heap->combine.filled &= ~((uint64_t)1 << index);
    entry->key = 0;
    hak_store_relaxed(&entry->bits, 0);
    hak_count(&heap->counts.publications, 1);
    hak_count(&heap->counts.remote_frees, hak_bits_count(bits));
    uint64_t freed_twice = publish(heap->heaps, entry->class_index, slab_start, word, bits);
    if (HAK_UNLIKELY(freed_twice != 0))
        note_freed_twice(heap, slab_start, word, entry->class_index, freed_twice);
}

void hak_i_combine_publish_all(struct hak_heap *heap)
{
    while (heap->combine.filled != 0)
        publish_entry(heap, hak_bits_lowest(heap->combine.filled));
}

/* Neighbouring words of neighbouring slabs fall on different entries. */
static unsigned entry_of(uintptr_t key)
{
    return (unsigned)((key * 0x9E3779B97F4A7C15U) >> 58);
}

HAK_STATIC_ASSERT(HAK_COMBINE_ENTRIES == 64, "entry_of() takes six bits");

static uint32_t blocks_worth_publishing(const struct hak_class *of)
{
    uint32_t blocks = PUBLISH_BYTES / of->block_bytes;
    return blocks == 0 ? 1 : blocks;
}

void hak_i_heap_free_remote(struct hak_heap *heap, uint32_t id, void *block)
{
    unsigned class_index = hak_i_heap_class_of_id(id);
    const struct hak_class *of = &hak_i_slab_classes[class_index];
    struct place place = place_of(heap->heaps, of, (uintptr_t)block);
    uintptr_t key = place.slab_start + place.word;
    unsigned index = entry_of(key);
    struct hak_combine_entry *entry = &heap->combine.entries[index];
    hak_i_heap_enter(heap);
    if (entry->key != key) {
        if (entry->key != 0)
            publish_entry(heap, index);
        entry->key = key;
        entry->left = blocks_worth_publishing(of);
        hak_store_relaxed(&entry->class_index, class_index);
        heap->combine.filled |= (uint64_t)1 << index;
    }
    if (HAK_UNLIKELY((entry->bits & place.bit) != 0))
        note_freed_twice(heap, place.slab_start, place.word, class_index, place.bit);
    hak_store_relaxed(&entry->bits, entry->bits | place.bit);
    if (--entry->left == 0)
        publish_entry(heap, index);
    hak_i_heap_leave(heap);
}
