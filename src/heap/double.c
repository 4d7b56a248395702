// SPDX-License-Identifier: MIT
// Looking for blocks that were freed twice where nothing has noticed yet: at the end of the process.
#include <string.h>

#include "heap/heap_private.h"

static void sift_down(void **blocks, unsigned root, unsigned count)
{
    for (unsigned child = 2 * root + 1; child < count; child = 2 * root + 1) {
        child += child + 1 < count && blocks[child] < blocks[child + 1];
        if (blocks[root] >= blocks[child])
            return;
        void *moved = blocks[root];
        blocks[root] = blocks[child];
        blocks[child] = moved;
        root = child;
    }
}

static void sort(void **blocks, unsigned count)
{
    for (unsigned root = count / 2; root-- > 0;)
        sift_down(blocks, root, count);
    for (unsigned left = count; left-- > 1;) {
        void *largest = blocks[0];
        blocks[0] = blocks[left];
        blocks[left] = largest;
        sift_down(blocks, 0, left);
    }
}

/* At most HAK_STACK_SLOTS_MAX. */
static void *double_among(const struct hak_heaps *heaps, void *const *blocks, unsigned count)
{
    static void *scratch[HAK_STACK_SLOTS_MAX]; /* for the one thread that ends the process */
    memcpy(scratch, blocks, count * sizeof *scratch);
    sort(scratch, count);
    for (unsigned i = 0; i < count; i++)
        if ((i + 1 < count && scratch[i] == scratch[i + 1]) || hak_i_heap_knows_free(heaps, scratch[i]))
            return scratch[i];
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

/* Out of the inbox, where a thread that looks at a sleeper could take it meanwhile. */
static void keep_pending(struct hak_heap *heap)
{
    struct hak_slab **end = &heap->drained;
    while (*end != NULL)
        end = &(*end)->next_pending;
    *end = hak_i_inbox_take(&heap->inbox);
}

void *hak_i_heap_find_double(struct hak_heap *heap)
{
    if (heap->held)
        keep_pending(heap);
    if (heap->finding_count != 0)
        return heap->findings[0].block;
    void *found = double_on_stacks(heap);
    return found != NULL ? found : double_pending(heap);
}

void *hak_i_heaps_find_double_idle(struct hak_heaps *heaps)
{
    void *found = NULL;
    if (!hak_i_base_lock_try(&heaps->lock))
        return NULL;
    for (struct hak_heap *heap = heaps->idle_newest; heap != NULL && found == NULL; heap = heap->next_idle)
        found = hak_i_heap_find_double(heap);
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
