// SPDX-License-Identifier: MIT
// Frees of other heaps' blocks. They are gathered per word of a slab's bitmap, by arithmetic on the address alone, and
// published when the word is full, when it is worth it, when its place is needed, or when the thread takes a slow path.
#include "heap/heap_hot.h"
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

/* For visits to sleepers. The blocks are not free yet, so their slab has an owner. */
static void note_sent(struct hak_heap *heap, uintptr_t slab_start, unsigned class_index, unsigned count)
{
    if (heap->sent_to == NULL && is_still(heap->heaps, slab_start, class_index))
        heap->sent_to = hak_i_heap_owner_of(heap->heaps, (const void *)slab_start);
    heap->sent_bytes += (size_t)count * hak_i_slab_classes[class_index].block_bytes;
}

static void publish_entry(struct hak_heap *heap, struct hak_combine_entry *entry)
{
    uintptr_t slab_start = hak_round_down(entry->key, HAK_UNIT_BYTES);
    unsigned word = (unsigned)(entry->key - slab_start);
    unsigned class_index = entry->class_index;
    uint64_t bits = entry->bits;
    unsigned count = hak_bits_count(bits);
    entry->key = 0;
    hak_store_relaxed(&entry->bits, 0);
    hak_count(&heap->counts.publications, 1);
    hak_count(&heap->counts.remote_frees, count);
    note_sent(heap, slab_start, class_index, count);
    uint64_t freed_twice = publish(heap->heaps, class_index, slab_start, word, bits);
    if (HAK_UNLIKELY(freed_twice != 0))
        note_freed_twice(heap, slab_start, word, class_index, freed_twice);
}

/* Those that `mask` names and that are in use. */
static void publish_entries(struct hak_heap *heap, struct hak_combine_entry *entries, uint64_t *mask)
{
    for (; *mask != 0; *mask &= *mask - 1) {
        struct hak_combine_entry *entry = &entries[hak_bits_lowest(*mask)];
        if (entry->key != 0)
            publish_entry(heap, entry);
    }
}

void hak_i_combine_publish_all(struct hak_heap *heap)
{
    publish_entries(heap, heap->combine.current, &heap->combine.open);
    publish_entries(heap, heap->combine.waiting, &heap->combine.waiting_mask);
}

void hak_i_combine_abandon_open(struct hak_heap *heap)
{
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        heap->combine.current[i].key = 0;
        hak_store_relaxed(&heap->combine.current[i].bits, 0);
    }
    heap->combine.open = 0;
}

/* ---------------------------------------------------------------------------------------- changing the word ---- */

/* Neighbouring words of neighbouring slabs wait at different places. */
static unsigned waiting_index(uintptr_t key)
{
    return (unsigned)((key * 0x9E3779B97F4A7C15U) >> 58);
}

HAK_STATIC_ASSERT(HAK_COMBINE_WAITING == 64, "waiting_index() takes six bits");

static void move_entry(struct hak_combine_entry *to, struct hak_combine_entry *from)
{
    to->key = from->key;
    to->left = from->left;
    hak_store_relaxed(&to->class_index, from->class_index);
    hak_store_relaxed(&to->bits, from->bits);
    from->key = 0;
    hak_store_relaxed(&from->bits, 0);
}

static void let_wait(struct hak_heap *heap, struct hak_combine_entry *entry)
{
    unsigned index = waiting_index(entry->key);
    struct hak_combine_entry *waiting = &heap->combine.waiting[index];
    if (waiting->key != 0)
        publish_entry(heap, waiting);
    move_entry(waiting, entry);
    heap->combine.waiting_mask |= (uint64_t)1 << index;
}

static void leave_word(struct hak_heap *heap, struct hak_combine_entry *entry)
{
    if (entry->bits == UINT64_MAX)
        publish_entry(heap, entry);
    else if (entry->key != 0)
        let_wait(heap, entry);
}

static uint32_t blocks_worth_publishing(const struct hak_class *of)
{
    uint32_t blocks = PUBLISH_BYTES / of->block_bytes;
    return blocks == 0 ? 1 : blocks;
}

/* The class's entry becomes that of the word: one that waits, or a new one. */
static void turn_to_word(struct hak_heap *heap, unsigned class_index, uintptr_t key)
{
    struct hak_combine_entry *entry = &heap->combine.current[class_index];
    struct hak_combine_entry *waiting = &heap->combine.waiting[waiting_index(key)];
    struct hak_combine_entry next = {
        .key = key, .left = blocks_worth_publishing(&hak_i_slab_classes[class_index]), .class_index = class_index};
    if (waiting->key == key)
        move_entry(&next, waiting);
    leave_word(heap, entry);
    move_entry(entry, &next);
    heap->combine.open |= (uint64_t)1 << class_index;
}

void hak_i_combine_add(struct hak_heap *heap, unsigned class_index, void *block)
{
    struct place place = place_of(heap->heaps, &hak_i_slab_classes[class_index], (uintptr_t)block);
    struct hak_combine_entry *entry = &heap->combine.current[class_index];
    if (entry->key != place.slab_start + place.word)
        turn_to_word(heap, class_index, place.slab_start + place.word);
    if (HAK_UNLIKELY((entry->bits & place.bit) != 0))
        note_freed_twice(heap, place.slab_start, place.word, class_index, place.bit);
    hak_store_relaxed(&entry->bits, entry->bits | place.bit);
    if (--entry->left == 0)
        publish_entry(heap, entry);
}

/* A heap that allocates from the class, and whose stack is full, passes older blocks on. */
static bool keep_after_passing_on(struct hak_heap *heap, uint32_t id, void *block)
{
    unsigned class_index = hak_i_heap_class_of_id(id);
    bool passes = hak_i_heap_may_keep(id) && heap->stacks[class_index].capacity != 0 &&
                  hak_i_heap_has_no_room(&heap->hot, id, block) && hak_i_depot_has_room(heap->heaps, class_index);
    if (!passes)
        return false;
    hak_count(&heap->counts.flushes, 1);
    return hak_i_stack_make_room(heap, class_index) &&
           hak_i_heap_keep(&heap->hot, id, hak_i_heap_slab_at(heap->heaps, (uintptr_t)block), block);
}

void hak_i_heap_free_remote(struct hak_heap *heap, uint32_t id, void *block)
{
    hak_i_heap_enter(heap);
    if (!keep_after_passing_on(heap, id, block))
        hak_i_combine_add(heap, hak_i_heap_class_of_id(id), block);
    hak_i_heap_leave(heap);
}
