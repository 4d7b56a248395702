// SPDX-License-Identifier: MIT
// The bound on free written memory. What exceeds it is given back where it arises: the longest spans first, unlinked
// under the lock, given back outside it, and then free and clean.
#include "arena/arena_private.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "base/option.h"
#include "os_boundary/os_boundary.h"

/* Spans unlinked at a time. */
#define BATCH_SPANS 16

/* A long span is given back in parts of this size, so that a call does not give back far more than it must. */
#define PART_UNITS (2 * HAK_MIB / HAK_UNIT_BYTES)

/* Memory needed again within this time after it was given back should have been kept. */
#define REGRET_MS 1000

struct span {
    size_t first;
    size_t units;
};

static size_t retained_units(const struct hak_arena *arena)
{
    return hak_load_relaxed(&arena->retained_bytes) >> HAK_UNIT_SHIFT;
}

static size_t written_units(const struct hak_arena *arena)
{
    return hak_load_relaxed(&arena->dirty_units) + hak_load_relaxed(&arena->cache.units) + retained_units(arena);
}

static size_t live_units(const struct hak_arena *arena)
{
    size_t held = arena->committed_units - arena->free_units;
    size_t kept = arena->cache.units + retained_units(arena);
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

static size_t bound_units(struct hak_arena *arena)
{
    int64_t percent = hak_load_relaxed(&hak_i_base_options.dirty_percent);
    if (percent < 0)
        return SIZE_MAX;
    size_t least = option_units(&hak_i_base_options.dirty_min);
    size_t share = live_units(arena) * (size_t)percent / 100;
    let_credit_fade(arena);
    return (least > share ? least : share) + arena->credit_units;
}

bool hak_i_arena_over_bound_locked(struct hak_arena *arena)
{
    hak_store_relaxed(&arena->last_bound_units, bound_units(arena));
    return !arena->purge_refused && written_units(arena) > arena->last_bound_units;
}

/* ------------------------------------------------------------------------------------------- what was purged ---- */

static void mark_purged(struct hak_arena *arena, struct span span)
{
    for (size_t unit = span.first; unit < span.first + span.units; unit++)
        arena->purged[unit / 64] |= (uint64_t)1 << unit % 64;
}

static size_t unmark_purged(struct hak_arena *arena, size_t first, size_t units)
{
    size_t marked = 0;
    for (size_t unit = first; unit < first + units;) {
        unsigned bit = unit % 64;
        unsigned count = (unsigned)(first + units - unit < 64U - bit ? first + units - unit : 64U - bit);
        uint64_t mask = hak_bits_range(bit, count);
        marked += hak_bits_count(arena->purged[unit / 64] & mask);
        arena->purged[unit / 64] &= ~mask;
        unit += count;
    }
    return marked;
}

void hak_i_arena_credit_locked(struct hak_arena *arena, size_t first, size_t units)
{
    if (arena->purged_units == 0)
        return;
    size_t regretted = unmark_purged(arena, first, units);
    if (regretted == 0)
        return;
    uint64_t now_ms = hak_i_os_now_ms();
    if (now_ms - arena->last_purge_ms >= REGRET_MS)
        return;
    size_t most = option_units(&hak_i_base_options.reuse_max);
    arena->repurchased_units += regretted;
    arena->credit_units = arena->credit_units + regretted < most ? arena->credit_units + regretted : most;
    arena->credit_ms = now_ms;
}

/* ----------------------------------------------------------------------------------------------- giving back ---- */

static struct span take_cached(struct hak_arena *arena)
{
    struct hak_large *large = hak_i_big_cache_evict(&arena->cache);
    struct span span = {large->first_unit, large->units};
    hak_i_arena_large_retire_locked(arena, large);
    return span;
}

static struct span take_dirty(struct hak_arena *arena, size_t longest, size_t excess)
{
    size_t first = hak_i_runs_find(&arena->dirty, longest, 1);
    size_t wanted = hak_round_up(excess, PART_UNITS);
    size_t units = wanted < longest ? wanted : longest;
    struct span span = {first + longest - units, units};
    hak_i_arena_take_locked(arena, span.first, span.units);
    return span;
}

/* The longest written spans that together hold what exceeds `target_units`; returns how many. */
static size_t take_victims(struct hak_arena *arena, size_t target_units, struct span *spans)
{
    size_t count = 0;
    while (count < BATCH_SPANS && written_units(arena) > target_units) {
        size_t longest = hak_i_runs_longest(&arena->dirty);
        size_t cached = hak_i_big_cache_largest(&arena->cache);
        if (longest == 0 && cached == 0)
            break;
        spans[count++] =
            cached >= longest ? take_cached(arena) : take_dirty(arena, longest, written_units(arena) - target_units);
    }
    return count;
}

static bool purge_span(const struct hak_arena *arena, struct span span)
{
    void *address = (void *)hak_i_registry_address(arena->registry, span.first);
    return hak_i_os_purge(address, span.units << HAK_UNIT_SHIFT);
}

/* Gives the spans back, which no one else can see, and puts them into the free set. */
static size_t purge_spans(struct hak_arena *arena, const struct span *spans, size_t count, bool explicitly)
{
    bool purged[BATCH_SPANS];
    size_t total_units = 0;
    hak_i_base_unlock(&arena->lock);
    for (size_t i = 0; i < count; i++)
        purged[i] = purge_span(arena, spans[i]);
    hak_i_base_lock(&arena->lock);
    for (size_t i = 0; i < count; i++) {
        hak_i_arena_put_locked(arena, spans[i].first, spans[i].units, purged[i] ? 0 : spans[i].units);
        arena->purge_refused |= !purged[i];
        if (!purged[i])
            continue;
        total_units += spans[i].units;
        if (!explicitly)
            mark_purged(arena, spans[i]);
    }
    arena->purged_units += total_units;
    return total_units;
}

static size_t purge_down_to(struct hak_arena *arena, size_t target_units, bool explicitly)
{
    struct span spans[BATCH_SPANS];
    size_t total_units = 0;
    arena->last_purge_ms = hak_i_os_now_ms();
    size_t count = take_victims(arena, target_units, spans);
    while (count != 0) {
        total_units += purge_spans(arena, spans, count, explicitly);
        count = arena->purge_refused ? 0 : take_victims(arena, target_units, spans);
    }
    return total_units;
}

void hak_i_arena_settle(struct hak_arena *arena)
{
    hak_i_base_lock(&arena->lock);
    if (hak_i_arena_over_bound_locked(arena))
        purge_down_to(arena, bound_units(arena) / 4 * 3, false);
    hak_i_base_unlock(&arena->lock);
}

size_t hak_i_arena_purge(struct hak_arena *arena)
{
    hak_i_base_lock(&arena->lock);
    arena->purge_refused = false;
    arena->credit_units = 0;
    size_t units = purge_down_to(arena, 0, true);
    hak_i_base_unlock(&arena->lock);
    return units << HAK_UNIT_SHIFT;
}

/*
 * Half of what is always kept may be slabs that heaps retain. The numbers are read without the lock: settling looks
 * again.
 */
bool hak_i_arena_retain(struct hak_arena *arena, size_t bytes)
{
    size_t limit_bytes = (size_t)hak_load_relaxed(&hak_i_base_options.dirty_min) / 2;
    if (hak_fetch_add_relaxed(&arena->retained_bytes, bytes) + bytes > limit_bytes) {
        hak_fetch_sub_relaxed(&arena->retained_bytes, bytes);
        return false;
    }
    if (written_units(arena) > hak_load_relaxed(&arena->last_bound_units))
        hak_i_arena_settle(arena);
    return true;
}

void hak_i_arena_unretain(struct hak_arena *arena, size_t bytes)
{
    hak_fetch_sub_relaxed(&arena->retained_bytes, bytes);
}
