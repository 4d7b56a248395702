// SPDX-License-Identifier: MIT
#include <string.h>

#include "arena/arena_private.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "os_boundary/os_boundary.h"

/* At so many bytes older requests are made to weigh half: the sample follows the program. */
#define BYTES_REMEMBERED (64 * HAK_MIB)

/* From this size on moving pages is cheaper than copying bytes. */
#define MOVE_PAGES_BYTES (256 * HAK_KIB)

void hak_i_arena_large_retire_locked(struct hak_arena *arena, struct hak_large *large)
{
    hak_i_registry_set_id(arena->registry, large->first_unit, HAK_ID_NOTHING);
    large->next = arena->unused_records;
    arena->unused_records = large;
}

static struct hak_large *new_record(struct hak_arena *arena)
{
    hak_i_base_lock(&arena->lock);
    struct hak_large *large = arena->unused_records;
    if (large != NULL)
        arena->unused_records = large->next;
    hak_i_base_unlock(&arena->lock);
    return large != NULL ? large : (struct hak_large *)hak_i_meta_carve(arena->meta, sizeof *large);
}

static void account_locked(struct hak_arena *arena, const struct hak_large *large, bool added)
{
    size_t sign = added ? 1 : SIZE_MAX;
    arena->large_units += sign * large->units;
    arena->large_asked_units += sign * large->asked_units;
    arena->large_written_units += sign * hak_i_arena_large_written(arena, large);
    arena->large_blocks += sign;
}

static void *address_of(const struct hak_arena *arena, const struct hak_large *large)
{
    return (void *)hak_i_registry_address(arena->registry, large->first_unit);
}

static size_t unit_of(const struct hak_arena *arena, const void *block)
{
    return hak_i_registry_unit(arena->registry, (uintptr_t)block);
}

static void set_asked(struct hak_large *large, size_t asked_units)
{
    large->asked_units = asked_units;
    if (large->written_units < asked_units)
        large->written_units = asked_units;
}

/* What the program may use, in whole pages. */
static size_t used_units(const struct hak_arena *arena, const struct hak_large *large)
{
    return hak_round_up(large->asked_units, arena->grain_units);
}

size_t hak_i_arena_large_written(const struct hak_arena *arena, const struct hak_large *large)
{
    return hak_round_up(large->written_units, arena->grain_units);
}

static void sample_locked(struct hak_arena *arena, size_t asked_bytes, size_t given_bytes)
{
    arena->sampled_asked_bytes += asked_bytes;
    arena->sampled_given_bytes += given_bytes;
    if (arena->sampled_given_bytes >= BYTES_REMEMBERED) {
        arena->sampled_asked_bytes /= 2;
        arena->sampled_given_bytes /= 2;
    }
}

/* The block becomes visible to hak_free(). */
static void *publish(struct hak_arena *arena, struct hak_large *large, size_t asked_bytes)
{
    set_asked(large, hak_i_arena_units(asked_bytes));
    hak_i_base_lock(&arena->lock);
    account_locked(arena, large, true);
    sample_locked(arena, asked_bytes, large->asked_units << HAK_UNIT_SHIFT);
    hak_i_base_unlock(&arena->lock);
    hak_i_registry_set_record(arena->registry, large->first_unit, large);
    hak_i_registry_set_id(arena->registry, large->first_unit, HAK_ID_LARGE);
    return address_of(arena, large);
}

static struct hak_large *take_cached(struct hak_arena *arena, size_t units)
{
    if (units > arena->registry->units)
        return NULL;
    hak_i_base_lock(&arena->lock);
    struct hak_large *large = hak_i_big_cache_take(&arena->cache, units);
    hak_i_base_unlock(&arena->lock);
    return large;
}

/* A record for the span, which is given back when there is none. */
static struct hak_large *record_for(struct hak_arena *arena, size_t first, size_t units, bool clean)
{
    if (first == HAK_NO_UNIT)
        return NULL;
    struct hak_large *large = new_record(arena);
    if (large == NULL) {
        hak_i_arena_release(arena, first, units, units);
        return NULL;
    }
    hak_store_relaxed(&large->first_unit, first);
    large->written_units = clean ? 0 : units;
    hak_store_relaxed(&large->units, hak_round_up(units, arena->grain_units));
    return large;
}

static struct hak_large *take_span(struct hak_arena *arena, size_t units, size_t align_units, bool *clean)
{
    size_t first = hak_i_arena_acquire(arena, units, align_units, clean);
    struct hak_large *large = record_for(arena, first, units, *clean);
    if (large == NULL)
        return NULL;
    large->asked_units = units;
    hak_i_arena_ask_for_pages(arena, large);
    return large;
}

void *hak_i_arena_large_acquire(struct hak_arena *arena, size_t bytes, size_t alignment, bool *clean)
{
    size_t units = hak_i_arena_units(bytes);
    size_t align_units = alignment > HAK_UNIT_BYTES ? alignment >> HAK_UNIT_SHIFT : 1;
    struct hak_large *large = align_units == 1 ? take_cached(arena, units) : NULL;
    *clean = false;
    if (large == NULL)
        large = take_span(arena, units, align_units, clean);
    if (large == NULL)
        return NULL;
    large->is_fresh = *clean;
    return publish(arena, large, bytes);
}

/* Content comes into it that was written elsewhere. */
void *hak_i_arena_large_acquire_roomy(struct hak_arena *arena, size_t bytes)
{
    size_t units = hak_i_arena_units(bytes);
    bool clean = false;
    struct hak_large *large = take_cached(arena, units);
    if (large == NULL) {
        size_t span_units = units;
        size_t first = hak_i_arena_acquire_roomy(arena, &span_units, &clean);
        large = record_for(arena, first, span_units, clean);
    }
    if (large == NULL)
        return NULL;
    large->is_fresh = false;
    return publish(arena, large, bytes);
}

struct hak_large *hak_i_arena_large_claim(struct hak_arena *arena, size_t unit)
{
    /* acq_rel: of two threads that free the block one gets it, and sees what was written before it was freed */
    uint32_t expected = HAK_ID_LARGE;
    if (!hak_cas_strong_acq_rel(&arena->registry->ids[unit], &expected, HAK_ID_FREED_LARGE))
        return NULL;
    return (struct hak_large *)hak_i_registry_record(arena->registry, unit);
}

/* The room behind a block was never charged to a budget, and a cached block is handed out whole. */
static bool may_be_cached(const struct hak_arena *arena, const struct hak_large *large)
{
    return !hak_i_arena_has_budget(arena) || large->written_units >= large->units;
}

void hak_i_arena_large_release(struct hak_arena *arena, struct hak_large *large)
{
    hak_i_arena_learn_density(arena, large);
    hak_i_base_lock(&arena->lock);
    account_locked(arena, large, false);
    bool cached = may_be_cached(arena, large) && hak_i_big_cache_put(&arena->cache, large);
    if (!cached) {
        hak_i_arena_put_locked(arena, large->first_unit, large->units, hak_i_arena_large_written(arena, large));
        hak_i_arena_large_retire_locked(arena, large);
    }
    bool over = hak_i_arena_over_bound_locked(arena);
    hak_i_base_unlock(&arena->lock);
    if (over)
        hak_i_arena_settle(arena);
}

/* Gives up what is behind the first `units` of the block. */
static void shrink(struct hak_arena *arena, struct hak_large *large, size_t units)
{
    size_t kept = hak_round_up(units, arena->grain_units);
    size_t surplus = large->units - kept;
    size_t written = hak_i_arena_large_written(arena, large);
    hak_i_base_lock(&arena->lock);
    account_locked(arena, large, false);
    hak_store_relaxed(&large->units, kept);
    large->written_units = written < kept ? written : kept;
    large->asked_units = units;
    account_locked(arena, large, true);
    hak_i_base_unlock(&arena->lock);
    if (surplus != 0)
        hak_i_arena_release(arena, large->first_unit + kept, surplus, written > kept ? written - kept : 0);
}

static void set_written_locked(struct hak_arena *arena, struct hak_large *large, size_t units)
{
    account_locked(arena, large, false);
    large->written_units = units;
    account_locked(arena, large, true);
}

/* Charges what the program is given of the room, before more is charged behind it. A budget may forbid it: false. */
static bool charge_room(struct hak_arena *arena, struct hak_large *large, size_t units)
{
    size_t end = units < large->units ? units : large->units;
    if (!hak_i_arena_has_budget(arena) || end <= large->written_units)
        return true;
    hak_i_base_lock(&arena->lock);
    size_t added = hak_round_up(end, arena->grain_units) - hak_i_arena_large_written(arena, large);
    bool admitted = hak_i_arena_admits_locked(arena, HAK_NO_UNIT, added);
    if (admitted)
        set_written_locked(arena, large, end);
    hak_i_base_unlock(&arena->lock);
    return admitted;
}

static void uncharge_room(struct hak_arena *arena, struct hak_large *large, size_t written_units)
{
    hak_i_base_lock(&arena->lock);
    set_written_locked(arena, large, written_units);
    hak_i_base_unlock(&arena->lock);
}

static void set_grown(struct hak_arena *arena, struct hak_large *large, size_t added, size_t asked_units)
{
    hak_i_base_lock(&arena->lock);
    account_locked(arena, large, false);
    hak_store_relaxed(&large->units, large->units + added);
    large->is_fresh &= added == 0;
    set_asked(large, asked_units);
    account_locked(arena, large, true);
    hak_i_base_unlock(&arena->lock);
}

static bool grow(struct hak_arena *arena, struct hak_large *large, size_t units)
{
    size_t missing = units > large->units ? units - large->units : 0;
    size_t written = large->written_units;
    if (!charge_room(arena, large, units))
        return false;
    size_t added = missing == 0 ? 0 : hak_i_arena_extend(arena, large->first_unit + large->units, missing);
    if (added < missing) {
        uncharge_room(arena, large, written);
        return false;
    }
    set_grown(arena, large, added, units);
    return true;
}

/* Slack behind the block serves growth first; shrinking gives it up. */
bool hak_i_arena_large_resize(struct hak_arena *arena, struct hak_large *large, size_t bytes)
{
    size_t units = hak_i_arena_units(bytes);
    if (units > large->asked_units)
        return grow(arena, large, units);
    if (units < large->asked_units)
        shrink(arena, large, units);
    return true;
}

/* -------------------------------------------------------------------------------------------- to another place ---- */

static void note_moving(struct hak_arena *arena, size_t units)
{
    hak_i_base_lock(&arena->lock);
    arena->budget.moving_units += units;
    hak_i_base_unlock(&arena->lock);
}

/* The pages of what the program could use are gone; the slack behind it may still be written. */
static void release_moved(struct hak_arena *arena, struct hak_large *old)
{
    size_t first = old->first_unit;
    size_t moved_units = used_units(arena, old);
    size_t slack_units = old->units - moved_units;
    size_t written = hak_i_arena_large_written(arena, old);
    hak_i_base_lock(&arena->lock);
    account_locked(arena, old, false);
    hak_i_arena_put_locked(arena, first, moved_units, 0);
    arena->budget.moving_units -= moved_units;
    hak_i_arena_large_retire_locked(arena, old);
    hak_i_base_unlock(&arena->lock);
    if (slack_units != 0)
        hak_i_arena_release(arena, first + moved_units, slack_units, written > moved_units ? written - moved_units : 0);
}

static void *end_move(struct hak_arena *arena, struct hak_large *large, struct hak_span from, struct hak_span to)
{
    void *moved = (void *)hak_i_registry_address(arena->registry, to.first);
    hak_i_arena_note_seams(arena, to);
    hak_i_arena_note_moved(arena, from, to);
    struct hak_large *old = hak_i_arena_large_claim(arena, large->first_unit);
    if (old != NULL)
        release_moved(arena, old);
    else
        note_moving(arena, 0 - from.units);
    return moved;
}

/* The block is freed as by hak_free(); not if it was already, by the program's mistake. */
static void release_live(struct hak_arena *arena, size_t unit)
{
    struct hak_large *large = hak_i_arena_large_claim(arena, unit);
    if (large != NULL)
        hak_i_arena_large_release(arena, large);
}

static void *copy_block(struct hak_arena *arena, const struct hak_large *large, void *to)
{
    memcpy(to, address_of(arena, large), used_units(arena, large) << HAK_UNIT_SHIFT);
    release_live(arena, large->first_unit);
    return to;
}

/* The pages were not moved, and what is copied is there twice meanwhile: a budget may forbid it. */
static void *copy_instead(struct hak_arena *arena, const struct hak_large *large, void *to)
{
    note_moving(arena, 0 - used_units(arena, large));
    if (hak_i_arena_return_to_budget(arena))
        return copy_block(arena, large, to);
    release_live(arena, unit_of(arena, to));
    (void)hak_i_arena_return_to_budget(arena);
    return NULL;
}

static enum hak_os_result try_to_move(struct hak_arena *arena, struct hak_span from, struct hak_span to)
{
    if (!hak_i_arena_may_move(arena, from, to) || !hak_i_arena_join_pages(arena, from))
        return HAK_OS_NO_MEMORY;
    return hak_i_os_move((void *)hak_i_registry_address(arena->registry, from.first),
                         (void *)hak_i_registry_address(arena->registry, to.first), from.units << HAK_UNIT_SHIFT);
}

/* Pages that move are there once, so the budget must have room for the difference alone. */
static void *move_pages(struct hak_arena *arena, struct hak_large *large, size_t bytes)
{
    size_t units = used_units(arena, large);
    note_moving(arena, units);
    void *to = hak_i_arena_large_acquire_roomy(arena, bytes);
    struct hak_span from_span = {large->first_unit, units}, to_span = {unit_of(arena, to), units};
    enum hak_os_result result = to == NULL ? HAK_OS_TAKEN : try_to_move(arena, from_span, to_span);
    if (result == HAK_OS_DONE)
        return end_move(arena, large, from_span, to_span);
    if (result == HAK_OS_REMADE)
        hak_i_arena_note_remade(arena, to_span);
    if (result != HAK_OS_TAKEN)
        return copy_instead(arena, large, to);
    note_moving(arena, 0 - units);
    return NULL;
}

void *hak_i_arena_large_move(struct hak_arena *arena, struct hak_large *large, size_t bytes)
{
    if (used_units(arena, large) << HAK_UNIT_SHIFT >= MOVE_PAGES_BYTES)
        return move_pages(arena, large, bytes);
    void *to = hak_i_arena_large_acquire_roomy(arena, bytes);
    return to == NULL ? NULL : copy_block(arena, large, to);
}
