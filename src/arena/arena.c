// SPDX-License-Identifier: MIT
#include "arena/arena.h"

#include "arena/arena_private.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/option.h"
#include "os_boundary/os_boundary.h"

#define UNITS_PER_MIB (HAK_MIB / HAK_UNIT_BYTES)

/* Spans of this size and more are large blocks, which BigCache is there for. */
#define UNITS_WORTH_THE_CACHE (256 * HAK_KIB / HAK_UNIT_BYTES)

/* A roomy span is sought where so many times its size is free. */
#define ROOM_FACTOR 4

/* Where the range is not reserved, so many places that others have taken are passed over in one call. */
#define TAKEN_PLACES_MAX 64

bool hak_i_arena_init(struct hak_arena *arena, struct hak_registry *registry, struct hak_meta *meta)
{
    size_t set_bytes = hak_i_runs_bytes(registry->units);
    size_t purged_bytes = registry->units / 8;
    char *memory = (char *)hak_i_meta_carve(meta, 3 * set_bytes + purged_bytes);
    if (memory == NULL)
        return false;
    size_t phase = registry->base >> HAK_UNIT_SHIFT;
    size_t page = hak_i_os_page_bytes();
    *arena = (struct hak_arena){.registry = registry,
                                .meta = meta,
                                .purged = (uint64_t *)(void *)(memory + 3 * set_bytes),
                                .grain_units = page > HAK_UNIT_BYTES ? page / HAK_UNIT_BYTES : 1};
    hak_i_base_lock_init(&arena->lock, HAK_RANK_ARENA);
    hak_i_runs_init(&arena->reserve, memory, registry->units, phase, true);
    hak_i_runs_init(&arena->free, memory + set_bytes, registry->units, phase, false);
    hak_i_runs_init(&arena->dirty, memory + 2 * set_bytes, registry->units, phase, false);
    return true;
}

bool hak_i_arena_holds(const struct hak_arena *arena, size_t unit)
{
    return unit < arena->registry->units && !hak_i_runs_has(&arena->reserve, unit) && !hak_i_runs_has(&arena->free, unit);
}

size_t hak_i_arena_next_held(const struct hak_arena *arena, size_t unit)
{
    size_t units = arena->registry->units;
    while (unit < units) {
        size_t passed = hak_i_runs_length(&arena->reserve, unit, units);
        passed = passed != 0 ? passed : hak_i_runs_length(&arena->free, unit, units);
        if (passed == 0)
            return unit;
        unit += passed;
    }
    return HAK_NO_UNIT;
}

/* ----------------------------------------------------------------------------------------------- free units ---- */

bool hak_i_arena_take_locked(struct hak_arena *arena, size_t first, size_t units)
{
    size_t dirty = hak_i_runs_count(&arena->dirty, first, units);
    hak_i_runs_remove(&arena->free, first, units);
    if (dirty != 0)
        hak_i_runs_remove(&arena->dirty, first, units);
    arena->free_units -= units;
    arena->dirty_units -= dirty;
    hak_i_arena_credit_locked(arena, first, units);
    return dirty == 0;
}

void hak_i_arena_put_locked(struct hak_arena *arena, size_t first, size_t units, size_t dirty_units)
{
    hak_i_runs_add(&arena->free, first, units);
    if (dirty_units != 0)
        hak_i_runs_add(&arena->dirty, first, dirty_units);
    arena->free_units += units;
    arena->dirty_units += dirty_units;
}

/* Empties BigCache into the free set, where its spans join their neighbours. */
static bool give_up_cache(struct hak_arena *arena)
{
    struct hak_large *large = hak_i_big_cache_evict(&arena->cache);
    if (large == NULL)
        return false;
    for (; large != NULL; large = hak_i_big_cache_evict(&arena->cache)) {
        hak_i_arena_put_locked(arena, large->first_unit, large->units, large->units);
        hak_i_arena_large_retire_locked(arena, large);
    }
    return true;
}

/* Where the longest written run starts, if clean units behind it make it long enough. */
static size_t find_partly_written(const struct hak_arena *arena, size_t units, size_t align)
{
    size_t longest = hak_i_runs_longest(&arena->dirty);
    if (longest == 0 || align > arena->grain_units)
        return HAK_NO_UNIT;
    size_t first = hak_i_runs_find(&arena->dirty, longest, arena->grain_units);
    return first != HAK_NO_UNIT && hak_i_runs_length(&arena->free, first, units) == units ? first : HAK_NO_UNIT;
}

/* Written memory first, for its pages are there already; a large span may empty BigCache for it. */
static size_t find_free(struct hak_arena *arena, size_t units, size_t align)
{
    size_t first = hak_i_runs_find(&arena->dirty, units, align);
    if (first == HAK_NO_UNIT && units >= UNITS_WORTH_THE_CACHE && give_up_cache(arena))
        first = hak_i_runs_find(&arena->dirty, units, align);
    if (first == HAK_NO_UNIT && units >= UNITS_WORTH_THE_CACHE)
        first = find_partly_written(arena, units, align);
    return first != HAK_NO_UNIT ? first : hak_i_runs_find(&arena->free, units, align);
}

/* -------------------------------------------------------------------------------------------------- growing ---- */

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

/* Takes units out of the reserve and makes them usable; the caller holds the lock, which is let go in between. */
static enum hak_os_result commit_reserved(struct hak_arena *arena, size_t first, size_t units)
{
    hak_i_runs_remove(&arena->reserve, first, units);
    hak_i_base_unlock(&arena->lock);
    enum hak_os_result result = commit(arena, first, units);
    hak_i_base_lock(&arena->lock);
    if (result == HAK_OS_DONE)
        arena->committed_units += units;
    else if (result == HAK_OS_NO_MEMORY)
        hak_i_runs_add(&arena->reserve, first, units);
    return result;
}

static bool grow_by(struct hak_arena *arena, size_t units, size_t align)
{
    for (int attempt = 0; attempt < TAKEN_PLACES_MAX; attempt++) {
        size_t first = hak_i_runs_find(&arena->reserve, units, align);
        if (first == HAK_NO_UNIT)
            return false;
        enum hak_os_result result = commit_reserved(arena, first, units);
        if (result == HAK_OS_DONE) {
            hak_i_arena_put_locked(arena, first, units, 0);
            return true;
        }
        if (result == HAK_OS_NO_MEMORY)
            return false;
    }
    return false;
}

static size_t step_units(const struct hak_arena *arena)
{
    unsigned last_step = (unsigned)hak_i_base_options.arena_growth_levels - 1;
    size_t mebibytes = (size_t)hak_i_base_options.arena_mb_init
                       << (arena->growth_steps < last_step ? arena->growth_steps : last_step);
    size_t most = (size_t)hak_i_base_options.arena_mb_max;
    return (mebibytes < most ? mebibytes : most) * UNITS_PER_MIB;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* A whole step if that can be had, else what is needed, else what BigCache holds. */
static bool grow(struct hak_arena *arena, size_t units, size_t align)
{
    size_t step = step_units(arena);
    if (step > units && grow_by(arena, step, larger(align, arena->grain_units))) {
        arena->growth_steps++;
        return true;
    }
    return grow_by(arena, units, align) || give_up_cache(arena);
}

static size_t acquire_locked(struct hak_arena *arena, size_t units, size_t align, bool *clean)
{
    size_t first = find_free(arena, units, align);
    while (first == HAK_NO_UNIT) {
        if (!grow(arena, units, align))
            return HAK_NO_UNIT;
        first = find_free(arena, units, align);
    }
    *clean = hak_i_arena_take_locked(arena, first, units);
    return first;
}

size_t hak_i_arena_acquire(struct hak_arena *arena, size_t units, size_t align_units, bool *clean)
{
    units = hak_round_up(units, arena->grain_units);
    if (units > arena->registry->units || align_units > arena->registry->units)
        return HAK_NO_UNIT;
    hak_i_base_lock(&arena->lock);
    size_t first = acquire_locked(arena, units, larger(align_units, arena->grain_units), clean);
    hak_i_base_unlock(&arena->lock);
    return first;
}

void hak_i_arena_release(struct hak_arena *arena, size_t first, size_t units, size_t dirty_units)
{
    units = hak_round_up(units, arena->grain_units);
    dirty_units = hak_round_up(dirty_units, arena->grain_units);
    hak_i_base_lock(&arena->lock);
    hak_i_arena_put_locked(arena, first, units, dirty_units < units ? dirty_units : units);
    bool over = hak_i_arena_over_bound_locked(arena);
    hak_i_base_unlock(&arena->lock);
    if (over)
        hak_i_arena_settle(arena);
}

/* ------------------------------------------------------------------------------------------ room for growth ---- */

/* Commits what is missing behind a span, in whole steps, so that slow growth does not ask the system each time. */
static bool extend_reserved(struct hak_arena *arena, size_t first, size_t units)
{
    size_t wanted = larger(units, step_units(arena));
    size_t there = hak_i_runs_length(&arena->reserve, first, wanted);
    if (there < units || commit_reserved(arena, first, there) != HAK_OS_DONE)
        return false;
    if (there > units)
        hak_i_arena_put_locked(arena, first + units, there - units, 0);
    return true;
}

static bool extend_locked(struct hak_arena *arena, size_t end, size_t units)
{
    size_t free_part = hak_i_runs_length(&arena->free, end, units);
    if (free_part < units && hak_i_runs_length(&arena->reserve, end + free_part, 1) == 0)
        return false;
    bool clean = free_part == 0 || hak_i_arena_take_locked(arena, end, free_part);
    if (free_part == units || extend_reserved(arena, end + free_part, units - free_part))
        return true;
    if (free_part != 0)
        hak_i_arena_put_locked(arena, end, free_part, clean ? 0 : free_part);
    return false;
}

bool hak_i_arena_extend(struct hak_arena *arena, size_t end, size_t units)
{
    units = hak_round_up(units, arena->grain_units);
    hak_i_base_lock(&arena->lock);
    bool extended = extend_locked(arena, end, units);
    hak_i_base_unlock(&arena->lock);
    return extended;
}

/* The middle of the longest reserved run: half of it stays free behind, half before. */
static size_t place_in_reserve(struct hak_arena *arena, size_t units)
{
    size_t step = larger(units, step_units(arena));
    size_t alignment = HAK_RANGE_ALIGNMENT / HAK_UNIT_BYTES;
    size_t longest = hak_i_runs_longest(&arena->reserve);
    if (longest / 2 < ROOM_FACTOR * step + alignment)
        return HAK_NO_UNIT;
    size_t run = hak_i_runs_find(&arena->reserve, longest, 1);
    size_t first = hak_round_down(run + longest / 2, alignment);
    if (commit_reserved(arena, first, step) != HAK_OS_DONE)
        return HAK_NO_UNIT;
    hak_i_arena_put_locked(arena, first, step, 0);
    return first;
}

size_t hak_i_arena_acquire_roomy(struct hak_arena *arena, size_t units, bool *clean)
{
    units = hak_round_up(units, arena->grain_units);
    if (units > arena->registry->units / ROOM_FACTOR)
        return HAK_NO_UNIT;
    hak_i_base_lock(&arena->lock);
    size_t first = hak_i_runs_find(&arena->free, ROOM_FACTOR * units, arena->grain_units);
    if (first == HAK_NO_UNIT)
        first = place_in_reserve(arena, units);
    if (first == HAK_NO_UNIT)
        first = acquire_locked(arena, units, arena->grain_units, clean);
    else
        *clean = hak_i_arena_take_locked(arena, first, units);
    hak_i_base_unlock(&arena->lock);
    return first;
}
