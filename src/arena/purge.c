// SPDX-License-Identifier: MIT
// The bound on free written memory. What exceeds it is given back where it arises: the longest spans first, unlinked
// under the lock, given back outside it, and then free and clean.
#include "arena/arena_private.h"
#include "base/bitmap.h"
#include "base/option.h"
#include "os_boundary/os_boundary.h"

/* Spans unlinked at a time. */
#define BATCH_SPANS 16

/* Memory needed again within this time after it was given back should have been kept, and more like it. */
#define REGRET_MS 1000
#define REGRET_WEIGHT 4

/* At a new peak, of the least that is kept a part stays, and at least so much goes. Measured in docs/adr/0004. */
#define PART_KEPT_AT_PEAK 5
#define PEAK_STEP_UNITS (128 * HAK_KIB / HAK_UNIT_BYTES)

/* A span on its way back. */
struct victim {
    struct hak_span span;
    struct hak_split split;
};

static size_t live_units(const struct hak_arena *arena)
{
    size_t held = arena->committed_units - arena->free_units;
    size_t kept = hak_i_arena_kept_units(arena) + arena->purging_units;
    return held > kept ? held - kept : 0;
}

static size_t option_units(const int64_t *option)
{
    return (size_t)hak_load_relaxed(option) >> HAK_UNIT_SHIFT;
}

/* Credit halves with every second in which it did not grow. */
static void let_credit_fade(struct hak_arena *arena)
{
    if (arena->credit_units == 0)
        return;
    uint64_t now_ms = hak_i_os_now_ms();
    uint64_t seconds = (now_ms - arena->credit_ms) / 1000;
    if (seconds == 0)
        return;
    arena->credit_units = seconds < 64 ? arena->credit_units >> seconds : 0;
    arena->credit_ms = now_ms;
}

/* What may be kept without credit beside `live` units, of which `least` always; SIZE_MAX: all. */
static size_t plain_bound_units(size_t live, size_t least)
{
    int64_t percent = hak_load_relaxed(&hak_i_base_options.dirty_percent);
    if (percent < 0)
        return SIZE_MAX;
    size_t share = live * (size_t)percent / 100;
    return least > share ? least : share;
}

/* SIZE_MAX: all is kept, by the option or because the system refuses to take pages back. */
static size_t bound_units(struct hak_arena *arena)
{
    size_t plain = plain_bound_units(live_units(arena), option_units(&hak_i_base_options.dirty_min));
    if (plain == SIZE_MAX || arena->purge_refused)
        return SIZE_MAX;
    let_credit_fade(arena);
    return plain + arena->credit_units;
}

static void look_at_bound(struct hak_arena *arena)
{
    hak_store_relaxed(&arena->last_bound_units, bound_units(arena));
}

bool hak_i_arena_over_bound_locked(struct hak_arena *arena)
{
    look_at_bound(arena);
    return hak_i_arena_is_over_bound(arena);
}

/* ------------------------------------------------------------------------------------------------ regretting ---- */

/* So much was needed again. */
static void regret(struct hak_arena *arena, size_t units)
{
    uint64_t now_ms = hak_i_os_now_ms();
    if (now_ms - arena->last_purge_ms >= REGRET_MS)
        return;
    size_t most = option_units(&hak_i_base_options.reuse_max);
    arena->repurchased_units += units;
    size_t credit = arena->credit_units + REGRET_WEIGHT * units;
    arena->credit_units = credit < most ? credit : most;
    arena->credit_ms = now_ms;
}

void hak_i_arena_credit_locked(struct hak_arena *arena, size_t first, size_t units)
{
    if (arena->purged_bytes == 0)
        return;
    size_t regretted = hak_bitmap_clear(arena->purged, first, units);
    if (regretted != 0)
        regret(arena, regretted);
}

/* ----------------------------------------------------------------------------------------------- giving back ---- */

static struct hak_span take_cached(struct hak_arena *arena)
{
    struct hak_large *large = hak_i_big_cache_evict(&arena->cache);
    struct hak_span span = {large->first_unit, large->units};
    hak_i_arena_large_retire_locked(arena, large);
    return span;
}

/* Up to `units` of a run, from its end: without the parts of huge pages at its ends, if there are others in it. */
static struct hak_span part_of_run(size_t first, size_t end, size_t units)
{
    size_t first_page = hak_round_up(first, HAK_HUGE_UNITS);
    size_t end_page = hak_round_down(end, HAK_HUGE_UNITS);
    if (first_page < end_page) {
        first = first_page;
        end = end_page;
    }
    units = units < end - first ? units : end - first;
    return (struct hak_span){end - units, units};
}

static struct hak_span find_dirty(const struct hak_arena *arena, size_t longest, size_t units)
{
    struct hak_span pages = hak_i_arena_find_whole_pages_locked(arena, units);
    if (pages.units != 0 || longest == 0)
        return pages;
    size_t first = hak_i_runs_find(&arena->dirty, longest, 1);
    return part_of_run(first, first + longest, units);
}

/* Whole huge pages, then the longest. An empty span: there is nothing. */
static struct hak_span take_written(struct hak_arena *arena, size_t excess)
{
    size_t longest = hak_i_runs_longest(&arena->dirty);
    size_t cached = hak_i_big_cache_largest(&arena->cache);
    if (cached != 0 && cached >= longest)
        return take_cached(arena);
    struct hak_span span = find_dirty(arena, longest, hak_round_up(excess, HAK_HUGE_UNITS));
    if (span.units != 0)
        hak_i_arena_take_locked(arena, span.first, span.units);
    hak_bitmap_clear(arena->purged, span.first, span.units);
    return span;
}

/* Written spans that together hold what exceeds `target_units`; returns how many. */
static size_t take_victims(struct hak_arena *arena, size_t target_units, struct victim *victims)
{
    size_t count = 0;
    while (count < BATCH_SPANS && hak_i_arena_written_units(arena) > target_units) {
        struct hak_span span = take_written(arena, hak_i_arena_written_units(arena) - target_units);
        if (span.units == 0)
            break;
        victims[count++] = (struct victim){span, hak_i_arena_split_pages_locked(arena, span)};
    }
    return count;
}

static bool purge_victim(const struct hak_arena *arena, const struct victim *victim)
{
    void *address = (void *)hak_i_registry_address(arena->registry, victim->span.first);
    hak_i_arena_advise_split(arena, &victim->split);
    return hak_i_os_purge(address, victim->span.units << HAK_UNIT_SHIFT);
}

/* Gives them back, which no one else can see, and puts them into the free set. */
static size_t purge_victims(struct hak_arena *arena, const struct victim *victims, size_t count, bool explicitly)
{
    bool purged[BATCH_SPANS];
    size_t total_units = 0;
    for (size_t i = 0; i < count; i++)
        arena->purging_units += victims[i].span.units;
    hak_i_base_unlock(&arena->lock);
    for (size_t i = 0; i < count; i++)
        purged[i] = purge_victim(arena, &victims[i]);
    hak_i_base_lock(&arena->lock);
    for (size_t i = 0; i < count; i++) {
        struct hak_span span = victims[i].span;
        arena->purging_units -= span.units;
        hak_i_arena_put_locked(arena, span.first, span.units, purged[i] ? 0 : span.units);
        arena->purge_refused |= !purged[i];
        if (!purged[i])
            continue;
        total_units += span.units;
        if (!explicitly)
            hak_bitmap_set(arena->purged, span.first, span.units);
    }
    arena->purged_bytes += total_units << HAK_UNIT_SHIFT;
    return total_units;
}

static size_t purge_down_to(struct hak_arena *arena, size_t target_units, bool explicitly)
{
    struct victim victims[BATCH_SPANS];
    size_t total_units = 0;
    arena->last_purge_ms = hak_i_os_now_ms();
    size_t count = take_victims(arena, target_units, victims);
    while (count != 0) {
        total_units += purge_victims(arena, victims, count, explicitly);
        count = arena->purge_refused ? 0 : take_victims(arena, target_units, victims);
    }
    return total_units;
}

/* Past the bound, more goes than what exceeds it. */
static size_t target_units(const struct hak_arena *arena)
{
    return arena->last_bound_units / 16 * 15;
}

void hak_i_arena_settle(struct hak_arena *arena)
{
    hak_i_base_lock(&arena->lock);
    if (hak_i_arena_over_bound_locked(arena))
        purge_down_to(arena, target_units(arena), false);
    hak_i_base_unlock(&arena->lock);
}

size_t hak_i_arena_purge(struct hak_arena *arena)
{
    hak_i_base_lock(&arena->lock);
    arena->purge_refused = false;
    arena->credit_units = 0;
    size_t units = purge_down_to(arena, 0, true);
    look_at_bound(arena);
    hak_i_base_unlock(&arena->lock);
    return units << HAK_UNIT_SHIFT;
}

void hak_i_arena_give_back_locked(struct hak_arena *arena, size_t units)
{
    size_t written = hak_i_arena_written_units(arena);
    purge_down_to(arena, written > units ? written - units : 0, true);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/*
 * What is free and written did not fit, else it would have been taken. A process that stays below its peak does not
 * come past the first test; a new peak costs no more page faults than it has pages.
 */
bool hak_i_arena_stay_below_peak_locked(struct hak_arena *arena, size_t first, size_t units)
{
    size_t added = hak_i_arena_added_bytes_locked(arena, first, units);
    size_t charged = hak_i_arena_charged_bytes(arena) + added;
    if (added == 0 || charged <= arena->peak_bytes)
        return false;
    size_t least = option_units(&hak_i_base_options.dirty_min) / PART_KEPT_AT_PEAK;
    size_t kept = plain_bound_units(live_units(arena) + units, least);
    bool gives_back = arena->dirty_units + arena->cache.units > kept && !arena->purge_refused;
    if (gives_back)
        hak_i_arena_give_back_locked(arena, larger(hak_i_arena_units(charged - arena->peak_bytes), PEAK_STEP_UNITS));
    arena->peak_bytes = larger(arena->peak_bytes, hak_i_arena_charged_bytes(arena) + added);
    return gives_back;
}

/* The numbers are read without the lock: settling looks again. */
bool hak_i_arena_retain(struct hak_arena *arena, size_t bytes)
{
    size_t limit_bytes = hak_i_arena_retain_limit_bytes(arena);
    if (hak_fetch_add_relaxed(&arena->retained_bytes, bytes) + bytes > limit_bytes) {
        hak_fetch_sub_relaxed(&arena->retained_bytes, bytes);
        return false;
    }
    if (hak_i_arena_is_over_bound(arena))
        hak_i_arena_settle(arena);
    return true;
}

void hak_i_arena_unretain(struct hak_arena *arena, size_t bytes)
{
    hak_fetch_sub_relaxed(&arena->retained_bytes, bytes);
}

/* ----------------------------------------------------------------------------------------------------- holes ---- */

void hak_i_arena_count_holes(struct hak_arena *arena, ptrdiff_t change_bytes, size_t needed_bytes)
{
    hak_fetch_add_relaxed(&arena->hole_bytes, (size_t)change_bytes);
    if (needed_bytes == 0)
        return;
    hak_i_base_lock(&arena->lock);
    regret(arena, needed_bytes >> HAK_UNIT_SHIFT);
    hak_i_base_unlock(&arena->lock);
}

/* Holes that take more than half of the bound go first. */
static size_t hole_excess_units(struct hak_arena *arena)
{
    if (!hak_i_arena_over_bound_locked(arena))
        return 0;
    size_t target = target_units(arena);
    if (hak_i_arena_hole_units(arena) <= arena->last_bound_units / 2)
        purge_down_to(arena, target, false);
    size_t written = hak_i_arena_written_units(arena);
    return written > target && !arena->purge_refused ? written - target : 0;
}

size_t hak_i_arena_hole_excess(struct hak_arena *arena)
{
    if (HAK_LIKELY(!hak_i_arena_is_over_bound(arena)))
        return 0;
    hak_i_base_lock(&arena->lock);
    size_t units = hole_excess_units(arena);
    hak_i_base_unlock(&arena->lock);
    return units << HAK_UNIT_SHIFT;
}

static struct hak_span units_around(const struct hak_arena *arena, uintptr_t address, size_t bytes)
{
    size_t first = hak_i_registry_unit(arena->registry, address);
    return (struct hak_span){first, hak_i_registry_unit(arena->registry, address + bytes - 1) - first + 1};
}

bool hak_i_arena_purge_hole(struct hak_arena *arena, uintptr_t address, size_t bytes)
{
    hak_i_base_lock(&arena->lock);
    struct hak_split split = hak_i_arena_split_pages_locked(arena, units_around(arena, address, bytes));
    hak_i_base_unlock(&arena->lock);
    hak_i_arena_advise_split(arena, &split);
    bool purged = hak_i_os_purge((void *)address, bytes);
    hak_i_base_lock(&arena->lock);
    arena->last_purge_ms = hak_i_os_now_ms();
    arena->purge_refused |= !purged;
    arena->purged_bytes += purged ? bytes : 0;
    hak_i_base_unlock(&arena->lock);
    return purged;
}
