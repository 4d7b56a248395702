// SPDX-License-Identifier: MIT
// Looking for blocks that were freed twice where nothing has noticed yet: at the end of the process.
#include <string.h>

#include "base/bits.h"
#include "heap/heap_private.h"

/* A set of blocks: a table with open addressing, at most half full. */
#define SET_SHIFT_MAX 12
HAK_STATIC_ASSERT((1 << SET_SHIFT_MAX) == 2 * HAK_STACK_SLOTS_MAX, "the fullest stack fills half of the largest table");

struct set {
    unsigned shift; /* the base-2 logarithm of the table's size */
    void *table[1 << SET_SHIFT_MAX];
};

static void set_empty(struct set *set, unsigned count)
{
    set->shift = hak_bits_highest(hak_power_of_two_at_least(2 * (size_t)count));
    memset(set->table, 0, sizeof *set->table << set->shift);
}

/* False: it was in the set. */
static bool set_add(struct set *set, void *block)
{
    size_t mask = ((size_t)1 << set->shift) - 1;
    size_t at = ((uintptr_t)block * 0x9E3779B97F4A7C15U) >> (64 - set->shift);
    for (; set->table[at] != NULL; at = (at + 1) & mask)
        if (set->table[at] == block)
            return false;
    set->table[at] = block;
    return true;
}

/* At most HAK_STACK_SLOTS_MAX. */
static void *double_among(const struct hak_heaps *heaps, void *const *blocks, unsigned count)
{
    static struct set set; /* for the one thread that ends the process */
    if (count == 0)
        return NULL;
    set_empty(&set, count);
    for (unsigned i = 0; i < count; i++)
        if (!set_add(&set, blocks[i]) || hak_i_heap_knows_free(heaps, blocks[i]))
            return blocks[i];
    return NULL;
}

static void *double_on_stacks(const struct hak_heap *heap)
{
    void *found = NULL;
    for (unsigned i = 0; i < HAK_CLASS_COUNT && found == NULL; i++)
        found = double_among(heap->heaps, heap->stacks[i].first, hak_i_stack_count(heap, i));
    return found;
}

/* Slabs are only added before the first; the rest of the chain stands still until its holder takes it. */
static void *double_in_chain(const struct hak_slab *slab)
{
    void *found = NULL;
    for (; slab != NULL && found == NULL; slab = hak_load_relaxed(&slab->next_pending))
        found = hak_i_slab_find_double(slab);
    return found;
}

static void *double_pending(const struct hak_heap *heap)
{
    uintptr_t head = hak_load_acquire(&heap->inbox.head); /* pairs with the pushers' release */
    void *found = double_in_chain(heap->drained);
    return found != NULL ? found : double_in_chain((const struct hak_slab *)(head & ~HAK_INBOX_IDLE));
}

static void *double_in(const struct hak_heap *heap)
{
    if (heap->finding_count != 0)
        return heap->findings[0].block;
    void *found = double_on_stacks(heap);
    return found != NULL ? found : double_pending(heap);
}

void *hak_i_heap_find_double(struct hak_heap *heap)
{
    hak_i_heap_enter(heap);
    void *found = double_in(heap);
    hak_i_heap_leave(heap);
    return found;
}

void *hak_i_heaps_find_double_idle(struct hak_heaps *heaps)
{
    void *found = NULL;
    if (!hak_i_base_lock_try(&heaps->lock))
        return NULL;
    for (struct hak_heap *heap = heaps->idle_newest; heap != NULL && found == NULL; heap = heap->next_idle)
        found = double_in(heap);
    hak_i_base_unlock(&heaps->lock);
    return found;
}

void *hak_i_heaps_find_double_passed(struct hak_heaps *heaps)
{
    void *found = NULL;
    for (unsigned i = HAK_TINY_CLASS_COUNT; i < HAK_CLASS_COUNT && found == NULL; i++) {
        void *blocks[HAK_DEPOT_SLOTS];
        found = double_among(heaps, blocks, hak_i_depot_copy(heaps, i, blocks));
    }
    return found;
}
