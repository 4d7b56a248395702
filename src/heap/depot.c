// SPDX-License-Identifier: MIT
// What passes from thread to thread waits here for the next heap that needs it. Sent home, it would lie with a heap
// whose thread may sleep, and be carved anew elsewhere meanwhile. To its slab a block here is as one on a stack.
#include <string.h>

#include "heap/heap_private.h"

static uint64_t bit_of(unsigned class_index)
{
    return (uint64_t)1 << (class_index - HAK_TINY_CLASS_COUNT);
}

/* Whether blocks of the class were ever passed on; a depot that was not used is not even looked at. */
static bool is_in_use(const struct hak_heaps *heaps, unsigned class_index)
{
    return class_index >= HAK_TINY_CLASS_COUNT && (hak_load_relaxed(&heaps->passed) & bit_of(class_index)) != 0;
}

static struct hak_depot *depot_of(struct hak_heaps *heaps, unsigned class_index)
{
    return &heaps->depots[class_index - HAK_TINY_CLASS_COUNT];
}

static unsigned slots(unsigned class_index)
{
    unsigned most = hak_i_slab_classes[class_index].most_slots;
    return most < HAK_DEPOT_SLOTS ? most : HAK_DEPOT_SLOTS;
}

/* False: another thread is at it, and nobody waits. */
static bool try_open(struct hak_depot *depot)
{
    return !hak_exchange_acquire(&depot->open, true); /* acquire: what was left there is seen */
}

static void shut(struct hak_depot *depot, unsigned count)
{
    hak_store_relaxed(&depot->count, count);
    hak_store_release(&depot->open, false); /* release: for who opens it next */
}

/* The newest, those last. */
static unsigned take(struct hak_depot *depot, void **end, unsigned count)
{
    if (hak_load_relaxed(&depot->count) == 0 || !try_open(depot))
        return 0;
    unsigned left = depot->count > count ? depot->count - count : 0;
    unsigned taken = depot->count - left;
    memcpy(end - taken, depot->blocks + left, taken * sizeof *end);
    shut(depot, left);
    return taken;
}

unsigned hak_i_depot_take(struct hak_heaps *heaps, unsigned class_index, void **end, unsigned count)
{
    if (!is_in_use(heaps, class_index))
        return 0;
    struct hak_depot *depot = depot_of(heaps, class_index);
    hak_store_relaxed(&depot->wanted, true);
    return take(depot, end, count);
}

unsigned hak_i_depot_put(struct hak_heaps *heaps, unsigned class_index, void *const *blocks, unsigned count)
{
    struct hak_depot *depot = depot_of(heaps, class_index);
    if (!try_open(depot))
        return 0;
    if (!is_in_use(heaps, class_index))
        hak_fetch_or_relaxed(&heaps->passed, bit_of(class_index)); /* relaxed: who sees it opens the depot */
    unsigned room = slots(class_index) - depot->count;
    unsigned put = room < count ? room : count;
    memcpy(depot->blocks + depot->count, blocks, put * sizeof *blocks);
    shut(depot, depot->count + put);
    return put;
}

unsigned hak_i_depot_copy(struct hak_heaps *heaps, unsigned class_index, void **blocks)
{
    struct hak_depot *depot = depot_of(heaps, class_index);
    if (!is_in_use(heaps, class_index) || !try_open(depot))
        return 0;
    unsigned count = depot->count;
    memcpy(blocks, depot->blocks, count * sizeof *blocks);
    shut(depot, count);
    return count;
}

bool hak_i_depot_has_room(struct hak_heaps *heaps, unsigned class_index)
{
    return hak_load_relaxed(&depot_of(heaps, class_index)->count) < slots(class_index);
}

static void send_home(struct hak_heap *heap, unsigned class_index)
{
    void *blocks[HAK_BATCH_MAX], **end = blocks + HAK_BATCH_MAX;
    struct hak_depot *depot = depot_of(heap->heaps, class_index);
    for (unsigned count; (count = take(depot, end, HAK_BATCH_MAX)) != 0;)
        hak_i_heap_send_home(heap, class_index, end - count, count);
}

void hak_i_depot_look(struct hak_heap *heap, unsigned class_index)
{
    if (is_in_use(heap->heaps, class_index) &&
        !hak_exchange_relaxed(&depot_of(heap->heaps, class_index)->wanted, false))
        send_home(heap, class_index);
}

void hak_i_depots_empty(struct hak_heap *heap)
{
    for (uint64_t left = hak_load_relaxed(&heap->heaps->passed); left != 0; left &= left - 1)
        send_home(heap, HAK_TINY_CLASS_COUNT + hak_bits_lowest(left));
}
