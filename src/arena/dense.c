// SPDX-License-Identifier: MIT
// Large blocks that are written everywhere: whether the program's are, and huge pages for them then. The pages of this
// file are huge ones.
#include "arena/arena_private.h"
#include "base/bitmap.h"
#include "os_boundary/os_boundary.h"

/* So much of freed blocks is looked at before anything is concluded. Past the window, what was seen counts half. */
#define LOOKED_UNITS_MIN (3 * HAK_MIB / HAK_UNIT_BYTES)
#define LOOKED_UNITS_WINDOW (32 * HAK_MIB / HAK_UNIT_BYTES)

/* Once enough is known for a conclusion, one freed block in so many is looked at: each look opens a file. */
#define BLOCKS_A_LOOK 4

static struct hak_span whole_pages(size_t first, size_t end)
{
    size_t first_page = hak_round_up(first, HAK_HUGE_UNITS);
    size_t end_page = hak_round_down(end, HAK_HUGE_UNITS);
    return (struct hak_span){first_page, first_page < end_page ? end_page - first_page : 0};
}

/* -------------------------------------------------------------------------------------------------- learning ---- */

static bool is_known(const struct hak_density *density)
{
    return density->looked_units >= LOOKED_UNITS_MIN;
}

static bool is_dense(const struct hak_density *density)
{
    return is_known(density) && density->paged_units * 16 >= density->looked_units * 15;
}

/* A block that others have written before shows only what none of them wrote. */
static bool is_due(struct hak_density *density, const struct hak_large *large)
{
    if (large->is_fresh && !is_known(density))
        return true;
    return (large->is_fresh || is_dense(density)) && ++density->passed % BLOCKS_A_LOOK == 0;
}

/* Up to a page at the block's end that is no huge one; its last unit may be used in part. */
static struct hak_span tail_of(const struct hak_arena *arena, const struct hak_large *large)
{
    size_t end = large->first_unit + large->asked_units - 1;
    size_t first = end - (HAK_HUGE_UNITS - 1);
    size_t between = hak_round_down(end - 1, HAK_HUGE_UNITS);
    if (hak_bitmap_count(arena->huge, between / HAK_HUGE_UNITS, 1) != 0)
        end = between;
    if (hak_bitmap_count(arena->huge, first / HAK_HUGE_UNITS, 1) != 0)
        first = between;
    return (struct hak_span){first, first < end ? end - first : 0};
}

static struct hak_span span_to_look_at(struct hak_arena *arena, const struct hak_large *large)
{
    hak_i_base_lock(&arena->lock);
    struct hak_span span = {0, 0};
    if (is_due(&arena->density, large))
        span = tail_of(arena, large);
    hak_i_base_unlock(&arena->lock);
    return span;
}

static void note_look(struct hak_density *density, size_t looked_units, size_t paged_units)
{
    if (density->looked_units > LOOKED_UNITS_WINDOW) {
        density->looked_units /= 2;
        density->paged_units /= 2;
    }
    density->looked_units += looked_units;
    density->paged_units += paged_units;
}

/* What was learned may no longer hold, where nothing is to be seen any more. */
static void forget_density(struct hak_arena *arena)
{
    hak_i_base_lock(&arena->lock);
    arena->density = (struct hak_density){0};
    hak_i_base_unlock(&arena->lock);
}

void hak_i_arena_learn_density(struct hak_arena *arena, const struct hak_large *large)
{
    if (large->asked_units < HAK_HUGE_UNITS || !hak_i_arena_may_ask_for_pages(arena))
        return;
    struct hak_span tail = span_to_look_at(arena, large);
    if (tail.units == 0)
        return;
    void *address = (void *)hak_i_registry_address(arena->registry, tail.first);
    size_t bytes = hak_i_os_pagemap_bytes(address, tail.units << HAK_UNIT_SHIFT);
    if (bytes == SIZE_MAX) {
        forget_density(arena);
        return;
    }
    size_t paged_units = large->is_fresh ? bytes >> HAK_UNIT_SHIFT : 0;
    size_t looked_units = large->is_fresh ? tail.units : tail.units - (bytes >> HAK_UNIT_SHIFT);
    hak_i_base_lock(&arena->lock);
    note_look(&arena->density, looked_units, paged_units);
    hak_i_base_unlock(&arena->lock);
}

/* ---------------------------------------------------------------------------------------------------- asking ---- */

/* Whether pages become ones that are asked for, or no longer are. */
static bool change_pages_locked(struct hak_arena *arena, struct hak_span pages, bool dense)
{
    return is_known(&arena->density) && (!dense || hak_i_arena_may_divide_locked(arena)) &&
           hak_i_arena_change_pages_locked(arena, pages, dense);
}

void hak_i_arena_ask_for_pages(struct hak_arena *arena, const struct hak_large *large)
{
    struct hak_span pages = whole_pages(large->first_unit, large->first_unit + large->asked_units);
    if (pages.units == 0 || !hak_i_arena_may_ask_for_pages(arena))
        return;
    hak_i_base_lock(&arena->lock);
    bool dense = is_dense(&arena->density);
    bool changed = change_pages_locked(arena, pages, dense);
    hak_i_base_unlock(&arena->lock);
    if (changed)
        hak_i_arena_advise_pages(arena, pages, dense);
}
