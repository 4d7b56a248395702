// SPDX-License-Identifier: MIT
// Growth: units of the reserve are made usable, a step at a time.
#include "arena/arena_private.h"
#include "base/bitmap.h"
#include "base/option.h"
#include "os_boundary/os_boundary.h"

#define UNITS_PER_MIB (HAK_MIB / HAK_UNIT_BYTES)

/* Where the range is not reserved, so many places that others have taken are passed over in one call. */
#define TAKEN_PLACES_MAX 64

static enum hak_os_result commit(struct hak_arena *arena, size_t first, size_t units)
{
    void *address = (void *)hak_i_registry_address(arena->registry, first);
    size_t bytes = units << HAK_UNIT_SHIFT;
    if (!hak_i_registry_cover(arena->registry, first, units))
        return HAK_OS_NO_MEMORY;
    if (!arena->registry->reserved)
        return hak_i_os_map_at(address, bytes);
    return hak_i_os_commit(address, bytes) ? HAK_OS_DONE : HAK_OS_NO_MEMORY;
}

size_t hak_i_arena_step_units_locked(const struct hak_arena *arena)
{
    unsigned last_step = (unsigned)hak_i_base_options.arena_growth_levels - 1;
    size_t mebibytes = (size_t)hak_i_base_options.arena_mb_init
                       << (arena->growth_steps < last_step ? arena->growth_steps : last_step);
    size_t most = (size_t)hak_i_base_options.arena_mb_max;
    return (mebibytes < most ? mebibytes : most) * UNITS_PER_MIB;
}

/* The steps grow with the memory, also where a span needed more than a step. */
static void note_growth(struct hak_arena *arena, size_t first, size_t units, bool huge)
{
    arena->growth_steps += units >= hak_i_arena_step_units_locked(arena);
    hak_store_relaxed(&arena->committed_units, arena->committed_units + units);
    if (huge)
        hak_i_arena_note_huge_locked(arena, (struct hak_span){first, units});
}

/* Something else is mapped there, which is not ours. */
static void set_taken(struct hak_arena *arena, size_t first, size_t units)
{
    hak_bitmap_set(arena->taken, first, units);
}

enum hak_os_result hak_i_arena_commit_reserved_locked(struct hak_arena *arena, size_t first, size_t units, bool huge)
{
    hak_i_runs_remove(&arena->reserve, first, units);
    hak_i_base_unlock(&arena->lock);
    enum hak_os_result result = commit(arena, first, units);
    huge = huge && hak_i_arena_may_be_huge((struct hak_span){first, units});
    if (result == HAK_OS_DONE)
        hak_i_arena_advise_chunk(arena, (struct hak_span){first, units}, huge);
    hak_i_base_lock(&arena->lock);
    if (result == HAK_OS_DONE)
        note_growth(arena, first, units, huge);
    else if (result == HAK_OS_TAKEN)
        set_taken(arena, first, units);
    else
        hak_i_runs_add(&arena->reserve, first, units);
    return result;
}

/* Adds a run of free units at a multiple of `align`: where it starts, or HAK_NO_UNIT. */
static size_t grow_by(struct hak_arena *arena, size_t units, size_t align, bool huge)
{
    for (int attempt = 0; attempt < TAKEN_PLACES_MAX; attempt++) {
        size_t first = hak_i_runs_find(&arena->reserve, units, align);
        if (first == HAK_NO_UNIT)
            return HAK_NO_UNIT;
        enum hak_os_result result = hak_i_arena_commit_reserved_locked(arena, first, units, huge);
        if (result == HAK_OS_DONE) {
            hak_i_arena_put_locked(arena, first, units, 0);
            hak_i_arena_note_completed_locked(arena, (struct hak_span){first, units});
        }
        if (result != HAK_OS_TAKEN)
            return result == HAK_OS_DONE ? first : HAK_NO_UNIT;
    }
    return HAK_NO_UNIT;
}

/* A step that ends where a huge page does, if memory is added where the last was. */
static size_t step_to_page_end(const struct hak_arena *arena)
{
    size_t step = hak_i_arena_step_units_locked(arena);
    size_t first = hak_i_runs_find(&arena->reserve, step, arena->grain_units);
    return first == HAK_NO_UNIT ? step : hak_round_up(first + step, HAK_HUGE_UNITS) - first;
}

size_t hak_i_arena_grow_locked(struct hak_arena *arena, size_t units, size_t align)
{
    bool huge =
        hak_i_arena_grows_huge_locked(arena, units) && hak_i_arena_has_room_to_spare_locked(arena, HAK_HUGE_UNITS);
    size_t step = huge ? step_to_page_end(arena) : hak_i_arena_step_units_locked(arena);
    size_t first = step > units ? grow_by(arena, step, align, huge) : HAK_NO_UNIT;
    return first != HAK_NO_UNIT ? first : grow_by(arena, units, align, huge);
}
