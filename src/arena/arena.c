// SPDX-License-Identifier: MIT
#include "arena/arena.h"

#include "arena/arena_private.h"
#include "base/bitmap.h"
#include "os_boundary/os_boundary.h"

/* Spans of this size and more are large blocks, which BigCache is there for. */
#define UNITS_WORTH_THE_CACHE (256 * HAK_KIB / HAK_UNIT_BYTES)

/* So many free runs are compared for what is written in them. */
#define LOOKS_FOR_WRITTEN 32

/* A roomy span is sought where so many times its size is free. */
#define ROOM_FACTOR 4

/*
 * So many blocks may be put amid reserved units. Each makes mappings of its own, which stay: two, and up to four in the
 * registry's tables.
 */
#define ISLANDS_MAX 32

bool hak_i_arena_init(struct hak_arena *arena, struct hak_registry *registry, struct hak_meta *meta)
{
    size_t set_bytes = hak_i_runs_bytes(registry->units);
    size_t bitmap_bytes = registry->units / 8;
    size_t sets_bytes = 3 * set_bytes + 5 * bitmap_bytes + registry->units / HAK_HUGE_UNITS + 1;
    char *memory = (char *)hak_i_meta_carve(meta, sets_bytes);
    if (memory == NULL)
        return false;
    char *bitmaps = memory + 3 * set_bytes;
    size_t phase = registry->base >> HAK_UNIT_SHIFT;
    size_t page = hak_i_os_page_bytes();
    *arena = (struct hak_arena){.registry = registry,
                                .meta = meta,
                                .purged = (uint64_t *)(void *)bitmaps,
                                .taken = (uint64_t *)(void *)(bitmaps + bitmap_bytes),
                                .huge = (uint64_t *)(void *)(bitmaps + 2 * bitmap_bytes),
                                .zeroed = (uint64_t *)(void *)(bitmaps + 3 * bitmap_bytes),
                                .seams = (uint64_t *)(void *)(bitmaps + 4 * bitmap_bytes),
                                .asked = (uint8_t *)(bitmaps + 5 * bitmap_bytes),
                                .grain_units = page > HAK_UNIT_BYTES ? page / HAK_UNIT_BYTES : 1,
                                .budget = {.soft_bytes = SIZE_MAX, .hard_bytes = SIZE_MAX},
                                .sets_bytes = sets_bytes};
    hak_i_base_lock_init(&arena->lock, HAK_RANK_ARENA);
    hak_i_runs_init(&arena->reserve, memory, registry->units, phase, true);
    hak_i_runs_init(&arena->free, memory + set_bytes, registry->units, phase, false);
    hak_i_runs_init(&arena->dirty, memory + 2 * set_bytes, registry->units, phase, false);
    hak_i_arena_advise_range(arena);
    return true;
}

static bool is_taken(const struct hak_arena *arena, size_t unit)
{
    return (hak_load_relaxed(&arena->taken[unit / 64]) >> unit % 64 & 1) != 0;
}

bool hak_i_arena_holds(const struct hak_arena *arena, size_t unit)
{
    return unit < arena->registry->units && !hak_i_runs_has(&arena->reserve, unit) &&
           !hak_i_runs_has(&arena->free, unit) && !is_taken(arena, unit);
}

size_t hak_i_arena_next_held(const struct hak_arena *arena, size_t unit)
{
    size_t units = arena->registry->units;
    while (unit < units) {
        size_t passed = hak_i_runs_length(&arena->reserve, unit, units);
        passed = passed != 0 ? passed : hak_i_runs_length(&arena->free, unit, units);
        if (passed == 0 && !is_taken(arena, unit))
            return unit;
        unit += passed != 0 ? passed : 1;
    }
    return HAK_NO_UNIT;
}

/* ------------------------------------------------------------------------------------------------ free units ---- */

bool hak_i_arena_take_locked(struct hak_arena *arena, size_t first, size_t units)
{
    hak_i_arena_open_pages_locked(arena, (struct hak_span){first, units});
    size_t dirty = hak_i_runs_count(&arena->dirty, first, units);
    size_t zeroed = hak_bitmap_clear(arena->zeroed, first, units);
    hak_i_runs_remove(&arena->free, first, units);
    if (dirty != 0)
        hak_i_runs_remove(&arena->dirty, first, units);
    arena->free_units -= units;
    hak_store_relaxed(&arena->dirty_units, arena->dirty_units - dirty);
    return dirty == zeroed;
}

void hak_i_arena_put_locked(struct hak_arena *arena, size_t first, size_t units, size_t dirty_units)
{
    hak_i_runs_add(&arena->free, first, units);
    if (dirty_units != 0)
        hak_i_runs_add(&arena->dirty, first, dirty_units);
    arena->free_units += units;
    hak_store_relaxed(&arena->dirty_units, arena->dirty_units + dirty_units);
}

/* Takes them for a caller; what is still written then costs no page fault. */
static bool hand_out(struct hak_arena *arena, size_t first, size_t units)
{
    arena->reused_units +=
        hak_i_runs_count(&arena->dirty, first, units) - hak_bitmap_count(arena->zeroed, first, units);
    hak_i_arena_credit_locked(arena, first, units);
    return hak_i_arena_take_locked(arena, first, units);
}

/* Empties BigCache into the free set, where its spans join their neighbours. */
static bool give_up_cache(struct hak_arena *arena)
{
    struct hak_large *large = hak_i_big_cache_evict(&arena->cache);
    if (large == NULL)
        return false;
    for (; large != NULL; large = hak_i_big_cache_evict(&arena->cache)) {
        hak_i_arena_put_locked(arena, large->first_unit, large->units, hak_i_arena_large_written(arena, large));
        hak_i_arena_large_retire_locked(arena, large);
    }
    return true;
}

/* A place for a large span, and how much of it is written. */
struct place {
    size_t first;
    size_t written;
};

static struct place better(const struct hak_arena *arena, struct place best, size_t first, size_t units)
{
    size_t written = hak_i_runs_count(&arena->dirty, first, units);
    return written > best.written ? (struct place){first, written} : best;
}

/* The start, or without room behind the end, of the free runs that are long enough, wherever most is written. */
static struct place find_most_written(const struct hak_arena *arena, size_t units, size_t room_units)
{
    struct place best = {HAK_NO_UNIT, 0};
    size_t first = hak_i_runs_find_from(&arena->free, 0, room_units);
    for (int look = 0; look < LOOKS_FOR_WRITTEN && first != HAK_NO_UNIT; look++) {
        size_t end = first + hak_i_runs_length(&arena->free, first, SIZE_MAX);
        best = better(arena, best, first, units);
        if (room_units == units)
            best = better(arena, best, end - units, units);
        first = hak_i_runs_find_from(&arena->free, end, room_units);
    }
    return best;
}

/* Written memory first, for its pages are there already; a large span may empty BigCache for it. */
static size_t find_free(struct hak_arena *arena, size_t units, size_t align)
{
    size_t first = hak_i_runs_find(&arena->dirty, units, align);
    if (first == HAK_NO_UNIT && units >= UNITS_WORTH_THE_CACHE && give_up_cache(arena))
        first = hak_i_runs_find(&arena->dirty, units, align);
    if (first == HAK_NO_UNIT && units >= UNITS_WORTH_THE_CACHE && align == arena->grain_units)
        first = find_most_written(arena, units, units).first;
    return first != HAK_NO_UNIT ? first : hak_i_runs_find(&arena->free, units, align);
}

/* ------------------------------------------------------------------------------------------------ the budget ---- */

static bool make_way(struct hak_arena *arena, size_t first, size_t units)
{
    return hak_i_arena_has_budget(arena) && hak_i_arena_make_way_locked(arena, first, units);
}

static bool admits(struct hak_arena *arena, size_t first, size_t units)
{
    return !hak_i_arena_has_budget(arena) || hak_i_arena_admits_locked(arena, first, units);
}

/* After the lock was let go between the test and the taking. */
static bool is_within_budget(const struct hak_arena *arena)
{
    return !hak_i_arena_has_budget(arena) || hak_i_arena_charged_bytes(arena) <= arena->budget.hard_bytes;
}

/* --------------------------------------------------------------------------------------------------- growing ---- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Whether huge pages were asked for where the units are, for which the lock was let go. */
static bool asks_for_pages(struct hak_arena *arena, size_t first, size_t units)
{
    return first != HAK_NO_UNIT && hak_i_arena_has_room_to_spare_locked(arena, HAK_HUGE_UNITS) &&
           hak_i_arena_ask_before_taking_locked(arena, (struct hak_span){first, units});
}

/* After growing, an earlier place may fit together with what was free before it. */
static size_t find_or_grow(struct hak_arena *arena, size_t units, size_t align)
{
    size_t first = find_free(arena, units, align);
    if (make_way(arena, first, units))
        first = find_free(arena, units, align);
    if (hak_i_arena_stay_below_peak_locked(arena, first, units))
        first = find_free(arena, units, align);
    if (asks_for_pages(arena, first, units))
        first = find_free(arena, units, align);
    if (first != HAK_NO_UNIT || !admits(arena, HAK_NO_UNIT, units))
        return first;
    size_t grown = hak_i_arena_grow_locked(arena, units, align);
    if (grown == HAK_NO_UNIT)
        return give_up_cache(arena) ? find_free(arena, units, align) : HAK_NO_UNIT;
    first = hak_i_runs_find(&arena->free, units, align);
    return first != HAK_NO_UNIT ? first : grown;
}

/* How many units from `first` on are free and written, or free and not, up to where a huge page ends. */
static size_t even_length(const struct hak_arena *arena, size_t first, size_t limit)
{
    size_t to_page_end = HAK_HUGE_UNITS - first % HAK_HUGE_UNITS;
    limit = limit < to_page_end ? limit : to_page_end;
    if (hak_i_runs_has(&arena->dirty, first))
        return hak_i_runs_length(&arena->dirty, first, limit);
    size_t length = hak_i_runs_length(&arena->free, first, limit);
    while (hak_i_runs_count(&arena->dirty, first, length) != 0)
        length /= 2;
    return length;
}

static size_t acquire_row_locked(struct hak_arena *arena, size_t units, size_t align, size_t *count, bool *clean)
{
    size_t first = find_or_grow(arena, units, align);
    if (first == HAK_NO_UNIT || !admits(arena, first, units))
        return HAK_NO_UNIT;
    size_t most = hak_i_arena_has_room_to_spare_locked(arena, *count * units) ? *count : 1;
    size_t spans = most > 1 ? even_length(arena, first, most * units) / units : 1;
    *count = spans > 1 ? spans : 1;
    *clean = hand_out(arena, first, *count * units);
    return first;
}

static size_t acquire_locked(struct hak_arena *arena, size_t units, size_t align, bool *clean)
{
    size_t count = 1;
    return acquire_row_locked(arena, units, align, &count, clean);
}

/* What is taken may open a huge page, of which the rest is written memory then. */
static size_t lock_to_take(struct hak_arena *arena)
{
    hak_i_base_lock(&arena->lock);
    return arena->dirty_units;
}

static void unlock_taken(struct hak_arena *arena, size_t dirty_units_before)
{
    bool over = arena->dirty_units > dirty_units_before && hak_i_arena_over_bound_locked(arena);
    hak_i_base_unlock(&arena->lock);
    if (over)
        hak_i_arena_settle(arena);
}

size_t hak_i_arena_acquire_row(struct hak_arena *arena, size_t units, size_t align_units, size_t *count, bool *clean)
{
    units = hak_round_up(units, arena->grain_units);
    if (units > arena->registry->units || align_units > arena->registry->units)
        return HAK_NO_UNIT;
    size_t dirty_units = lock_to_take(arena);
    size_t first = acquire_row_locked(arena, units, larger(align_units, arena->grain_units), count, clean);
    unlock_taken(arena, dirty_units);
    return first;
}

size_t hak_i_arena_acquire(struct hak_arena *arena, size_t units, size_t align_units, bool *clean)
{
    size_t count = 1;
    return hak_i_arena_acquire_row(arena, units, align_units, &count, clean);
}

void hak_i_arena_release(struct hak_arena *arena, size_t first, size_t units, size_t dirty_units)
{
    units = hak_round_up(units, arena->grain_units);
    dirty_units = hak_round_up(dirty_units, arena->grain_units);
    hak_i_base_lock(&arena->lock);
    dirty_units = dirty_units < units ? dirty_units : units;
    hak_i_arena_put_locked(arena, first, units, dirty_units);
    hak_i_arena_note_brought_locked(arena, (struct hak_span){first + dirty_units, units - dirty_units});
    bool over = hak_i_arena_over_bound_locked(arena);
    hak_i_base_unlock(&arena->lock);
    if (over)
        hak_i_arena_settle(arena);
}

/* ------------------------------------------------------------------------------------------- room for growth ---- */

/* Commits a whole step behind a span if that can be had, else what is needed: the units that were added, 0 for none. */
static size_t extend_reserved(struct hak_arena *arena, size_t first, size_t units)
{
    size_t step = hak_i_arena_step_units_locked(arena);
    size_t wanted = step > units && hak_i_arena_has_room_to_spare_locked(arena, step) ? step : units;
    size_t there = hak_i_runs_length(&arena->reserve, first, wanted);
    if (there < units)
        return 0;
    if (there > units && hak_i_arena_commit_reserved_locked(arena, first, there, false) == HAK_OS_DONE)
        return there;
    if (hak_i_runs_length(&arena->reserve, first, units) < units)
        return 0;
    return hak_i_arena_commit_reserved_locked(arena, first, units, false) == HAK_OS_DONE ? units : 0;
}

/* What is free already is taken last, for the lock is let go while more is made usable. */
static size_t extend_locked(struct hak_arena *arena, size_t end, size_t units)
{
    size_t free_part = hak_i_runs_length(&arena->free, end, units);
    if (!admits(arena, HAK_NO_UNIT, units - free_part))
        return 0;
    size_t added = free_part == units ? 0 : extend_reserved(arena, end + free_part, units - free_part);
    if (free_part + added < units)
        return 0;
    if (hak_i_runs_length(&arena->free, end, free_part) < free_part || !is_within_budget(arena) ||
        !admits(arena, end, free_part)) {
        if (added != 0)
            hak_i_arena_put_locked(arena, end + free_part, added, 0);
        return 0;
    }
    if (free_part != 0)
        hand_out(arena, end, free_part);
    return free_part + added;
}

size_t hak_i_arena_extend(struct hak_arena *arena, size_t end, size_t units)
{
    units = hak_round_up(units, arena->grain_units);
    size_t dirty_units = lock_to_take(arena);
    bool free_behind = hak_i_runs_length(&arena->free, end, units) == units;
    (void)make_way(arena, free_behind ? end : HAK_NO_UNIT, units);
    size_t added = extend_locked(arena, end, units);
    unlock_taken(arena, dirty_units);
    return added;
}

/* The middle of the longest reserved run: half of it stays free behind, half before. A whole step comes along. */
static size_t place_in_reserve(struct hak_arena *arena, size_t *units)
{
    size_t step = larger(*units, hak_i_arena_step_units_locked(arena));
    size_t alignment = HAK_RANGE_ALIGNMENT / HAK_UNIT_BYTES;
    size_t longest = hak_i_runs_longest(&arena->reserve);
    if (arena->islands == ISLANDS_MAX || longest / 2 < ROOM_FACTOR * step + alignment)
        return HAK_NO_UNIT;
    size_t run = hak_i_runs_find(&arena->reserve, longest, 1);
    size_t first = hak_round_down(run + longest / 2, alignment);
    arena->islands++; /* before the lock is let go in there */
    if (hak_i_arena_commit_reserved_locked(arena, first, step, false) != HAK_OS_DONE) {
        arena->islands--;
        return HAK_NO_UNIT;
    }
    if (!is_within_budget(arena)) {
        hak_i_arena_put_locked(arena, first, step, 0);
        return HAK_NO_UNIT;
    }
    *units = step;
    return first;
}

/* A start with room behind, written if that can be had. */
static size_t find_roomy(struct hak_arena *arena, size_t units)
{
    size_t room_units = ROOM_FACTOR * units;
    struct place place = find_most_written(arena, units, room_units);
    if (place.written < units && units >= UNITS_WORTH_THE_CACHE && give_up_cache(arena))
        place = find_most_written(arena, units, room_units);
    return place.first != HAK_NO_UNIT ? place.first : hak_i_runs_find(&arena->free, room_units, arena->grain_units);
}

static size_t acquire_with_room(struct hak_arena *arena, size_t *units, bool *clean)
{
    if (!hak_i_arena_has_room_to_spare_locked(arena, larger(*units, hak_i_arena_step_units_locked(arena))))
        return HAK_NO_UNIT;
    size_t first = find_roomy(arena, *units);
    if (hak_i_arena_stay_below_peak_locked(arena, first, *units))
        first = find_roomy(arena, *units);
    if (first != HAK_NO_UNIT && !admits(arena, first, *units))
        return HAK_NO_UNIT;
    *clean = first == HAK_NO_UNIT || hand_out(arena, first, *units);
    return first != HAK_NO_UNIT ? first : place_in_reserve(arena, units);
}

size_t hak_i_arena_acquire_roomy(struct hak_arena *arena, size_t *units, bool *clean)
{
    *units = hak_round_up(*units, arena->grain_units);
    if (*units > arena->registry->units)
        return HAK_NO_UNIT;
    bool has_room = *units <= arena->registry->units / ROOM_FACTOR;
    size_t dirty_units = lock_to_take(arena);
    size_t first = has_room ? acquire_with_room(arena, units, clean) : HAK_NO_UNIT;
    if (first == HAK_NO_UNIT)
        first = acquire_locked(arena, *units, arena->grain_units, clean);
    unlock_taken(arena, dirty_units);
    return first;
}
