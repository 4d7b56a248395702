// SPDX-License-Identifier: MIT
// Seams: where the kernel keeps two mappings apart. Pages that were moved stay numbered by where they came from, so
// their mapping is never joined with its neighbours; a process may have 65,530 mappings, and each makes system calls
// slower.
#include "arena/arena_private.h"
#include "base/bitmap.h"

/* Past this, pages are moved only to where as many seams go as come, and else copied. */
#define SEAMS_MAX 128

/* Inside a span, its ends apart. */
static size_t count_inside(const struct hak_arena *arena, struct hak_span span)
{
    return span.units < 2 ? 0 : hak_bitmap_count(arena->seams, span.first + 1, span.units - 1);
}

static size_t count_ends(const struct hak_arena *arena, struct hak_span span)
{
    size_t end = span.first + span.units;
    size_t last = end < arena->registry->units ? hak_bitmap_count(arena->seams, end, 1) : 1;
    return hak_bitmap_count(arena->seams, span.first, 1) + last;
}

/* Of several mappings, Linux 6.17 may have moved some when it fails, whose content is lost; before, it moves none. */
static bool may_move_locked(const struct hak_arena *arena, struct hak_span from, struct hak_span to)
{
    size_t added = 2 - count_ends(arena, to);
    size_t removed = count_inside(arena, to);
    return count_inside(arena, from) == 0 && (arena->seam_count + added <= SEAMS_MAX || added <= removed);
}

bool hak_i_arena_may_move(struct hak_arena *arena, struct hak_span from, struct hak_span to)
{
    hak_i_base_lock(&arena->lock);
    bool may = may_move_locked(arena, from, to);
    hak_i_base_unlock(&arena->lock);
    return may;
}

static void set_seam(struct hak_arena *arena, size_t unit)
{
    if (unit == arena->registry->units || hak_bitmap_count(arena->seams, unit, 1) != 0)
        return;
    hak_bitmap_set(arena->seams, unit, 1);
    arena->seam_count++;
}

void hak_i_arena_note_seams(struct hak_arena *arena, struct hak_span to)
{
    hak_i_base_lock(&arena->lock);
    arena->seam_count -= hak_bitmap_clear(arena->seams, to.first, to.units);
    set_seam(arena, to.first);
    set_seam(arena, to.first + to.units);
    hak_i_base_unlock(&arena->lock);
}
