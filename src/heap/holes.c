// SPDX-License-Identifier: MIT
// Holes: free blocks of slabs in use, whose pages can be given back where they lie. Those of two pages and more count
// as free written memory: past the bound, they go back, those of the slab that was given none for longest first. What
// smaller ones leave goes back when everything is to go.
#include <string.h>

#include "base/bits.h"
#include "heap/heap_private.h"
#include "os_boundary/os_boundary.h"

/* ------------------------------------------------------------------------------------------------- counting ---- */

/* The whole pages of one block: block sizes are multiples of half a page from two pages on. */
static size_t page_bytes_of(const struct hak_slab *slab)
{
    return hak_round_down(hak_i_slab_class(slab)->block_bytes, hak_i_os_page_bytes());
}

size_t hak_i_holes_bytes(const struct hak_heap *heap, const struct hak_slab *slab)
{
    if (slab->state != HAK_SLAB_BOUND || slab->retained || !hak_i_holes_count(heap, slab))
        return 0;
    return hak_bits_count(slab->local[0] & ~slab->purged) * page_bytes_of(slab);
}

static void unlink_slab(struct hak_heap *heap, struct hak_slab *slab)
{
    *(slab->newer_holes != NULL ? &slab->newer_holes->older_holes : &heap->newest_holes) = slab->older_holes;
    *(slab->older_holes != NULL ? &slab->older_holes->newer_holes : &heap->oldest_holes) = slab->newer_holes;
}

static void link_newest(struct hak_heap *heap, struct hak_slab *slab)
{
    slab->newer_holes = NULL;
    slab->older_holes = heap->newest_holes;
    *(slab->older_holes != NULL ? &slab->older_holes->newer_holes : &heap->oldest_holes) = slab;
    heap->newest_holes = slab;
}

/* The list follows, on which a slab that grows holes is the newest. */
static void set_bytes(struct hak_heap *heap, struct hak_slab *slab, uint32_t bytes)
{
    bool grows = bytes > slab->hole_bytes;
    if (slab->hole_bytes != 0 && (grows || bytes == 0))
        unlink_slab(heap, slab);
    if (grows)
        link_newest(heap, slab);
    hak_store_relaxed(&heap->hole_bytes, heap->hole_bytes + bytes - slab->hole_bytes);
    heap->hole_change += (ptrdiff_t)bytes - (ptrdiff_t)slab->hole_bytes;
    slab->hole_bytes = bytes;
}

void hak_i_holes_changed(struct hak_heap *heap, struct hak_slab *slab)
{
    uint64_t needed = slab->purged & ~slab->local[0];
    if (needed != 0) {
        heap->hole_needed_bytes += hak_bits_count(needed) * page_bytes_of(slab);
        slab->purged &= slab->local[0];
    }
    set_bytes(heap, slab, (uint32_t)hak_i_holes_bytes(heap, slab));
}

void hak_i_holes_hand_over(struct hak_heap *from, struct hak_heap *to, struct hak_slab *slab)
{
    if (slab->hole_bytes == 0)
        return;
    unlink_slab(from, slab);
    link_newest(to, slab);
    hak_store_relaxed(&from->hole_bytes, from->hole_bytes - slab->hole_bytes);
    hak_store_relaxed(&to->hole_bytes, to->hole_bytes + slab->hole_bytes);
}

/* ---------------------------------------------------------------------------------------------- giving back ---- */

/* The first bit from `bit` on that is `set` or not, below `end`; else `end`. */
static unsigned find_bit(const uint64_t *words, unsigned bit, unsigned end, bool set)
{
    for (; bit < end; bit = (bit / 64 + 1) * 64) {
        uint64_t rest = (set ? words[bit / 64] : ~words[bit / 64]) >> bit % 64;
        if (rest != 0) {
            bit += hak_bits_lowest(rest);
            break;
        }
    }
    return bit < end ? bit : end;
}

/* Gives back the whole pages of the slab's blocks first … end - 1, if there are any; SIZE_MAX: the system refuses. */
static size_t purge_blocks(const struct hak_heap *heap, const struct hak_slab *slab, unsigned first, unsigned end)
{
    size_t page_bytes = hak_i_os_page_bytes();
    uintptr_t from = hak_round_up((uintptr_t)hak_i_slab_block(slab, first), page_bytes);
    uintptr_t to = hak_round_down((uintptr_t)hak_i_slab_block(slab, end), page_bytes);
    if (from >= to)
        return 0;
    size_t paged_bytes = to - from;
    if (!hak_i_holes_count(heap, slab) && (paged_bytes = hak_i_os_paged_bytes((void *)from, to - from)) == 0)
        return 0;
    if (!hak_i_arena_purge_hole(heap->heaps->slabs->arena, from, to - from))
        return SIZE_MAX;
    return paged_bytes < to - from ? paged_bytes : to - from;
}

/* Gives back the whole pages of the slab's free blocks; SIZE_MAX: the system refuses. */
static size_t purge_slab(struct hak_heap *heap, struct hak_slab *slab)
{
    uint64_t words[HAK_SLAB_WORDS];
    memcpy(words, slab->local, sizeof words);
    words[0] &= ~slab->purged;
    size_t returned_bytes = 0;
    unsigned end = 0;
    for (unsigned first; (first = find_bit(words, end, slab->carved, true)) < slab->carved;) {
        end = find_bit(words, first, slab->carved, false);
        size_t bytes = purge_blocks(heap, slab, first, end);
        if (bytes == SIZE_MAX)
            return SIZE_MAX;
        returned_bytes += bytes;
    }
    if (hak_i_holes_count(heap, slab)) {
        slab->purged = slab->local[0];
        hak_i_holes_changed(heap, slab);
    }
    return returned_bytes;
}

static void tell_arena(struct hak_heap *heap)
{
    ptrdiff_t change = heap->hole_change;
    size_t needed = heap->hole_needed_bytes;
    if (change == 0 && needed == 0)
        return;
    heap->hole_change = 0;
    heap->hole_needed_bytes = 0;
    hak_i_arena_count_holes(heap->heaps->slabs->arena, change, needed);
}

size_t hak_i_holes_give_back(struct hak_heap *heap, size_t bytes)
{
    size_t before = heap->hole_bytes;
    while (before - heap->hole_bytes < bytes && heap->oldest_holes != NULL)
        if (purge_slab(heap, heap->oldest_holes) == SIZE_MAX)
            break;
    tell_arena(heap);
    return before - heap->hole_bytes;
}

void hak_i_holes_settle_own(struct hak_heap *heap)
{
    tell_arena(heap);
    size_t excess_bytes = hak_i_arena_hole_excess(heap->heaps->slabs->arena);
    if (excess_bytes != 0)
        (void)hak_i_holes_give_back(heap, excess_bytes);
}

/* Whether any of the holes can be reached; those of other threads' heaps only now and then. */
static bool can_reach(struct hak_heap *heap)
{
    return heap->hole_bytes != 0 || hak_load_relaxed(&heap->heaps->idle_hole_bytes) != 0 ||
           hak_i_heaps_others_are_due(heap->heaps);
}

/* The heap's own first, then those of idle heaps, then those of others. */
static void give_back_from_all(struct hak_heap *heap, size_t bytes)
{
    size_t returned = hak_i_holes_give_back(heap, bytes);
    if (returned < bytes)
        returned += hak_i_heaps_give_back_idle_holes(heap->heaps, bytes - returned);
    if (returned < bytes)
        (void)hak_i_heaps_give_back_others_holes(heap, bytes - returned);
}

void hak_i_holes_settle(struct hak_heap *heap)
{
    struct hak_arena *arena = heap->heaps->slabs->arena;
    tell_arena(heap);
    size_t excess_bytes = can_reach(heap) ? hak_i_arena_hole_excess(arena) : 0;
    if (excess_bytes == 0)
        return;
    give_back_from_all(heap, excess_bytes);
    hak_i_arena_settle(arena);
}

size_t hak_i_holes_purge(struct hak_heap *heap)
{
    size_t returned_bytes = 0;
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        struct hak_slab *rooms = heap->stacks[i].rooms;
        for (struct hak_slab *slab = hak_i_rooms_lowest(rooms); slab != NULL; slab = hak_i_rooms_next(rooms, slab)) {
            size_t bytes = purge_slab(heap, slab);
            if (bytes == SIZE_MAX)
                return returned_bytes;
            returned_bytes += bytes;
        }
    }
    return returned_bytes;
}
