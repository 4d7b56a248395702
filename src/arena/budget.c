// SPDX-License-Identifier: MIT
// The budget: limits on the memory that may have been written, which is what the kernel charges at most. Free written
// memory goes back first; what then still exceeds the hard limit is refused (docs/adr/0009).
#include "arena/arena_private.h"
#include "base/atomic.h"
#include "base/option.h"
#include "os_boundary/os_boundary.h"

/* The sets cover the whole range: so many pages of theirs describe the units of one piece of the registry's tables. */
#define SET_PAGES_PER_PIECE 16

static size_t bytes_of(size_t units)
{
    return units << HAK_UNIT_SHIFT;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t record_bytes(const struct hak_arena *arena)
{
    size_t all = hak_load_relaxed(&arena->meta->committed_bytes) + hak_load_relaxed(&arena->registry->committed_bytes);
    size_t described = hak_i_registry_pieces(arena->registry) * SET_PAGES_PER_PIECE * hak_i_os_page_bytes();
    return all - arena->sets_bytes + smaller(arena->sets_bytes, described);
}

/* The room behind large blocks was never written, and what is being moved is there once. */
size_t hak_i_arena_charged_bytes(const struct hak_arena *arena)
{
    size_t used_units = arena->committed_units - arena->free_units;
    size_t room_units = arena->large_units - arena->large_written_units;
    return bytes_of(used_units + arena->dirty_units - room_units - arena->budget.moving_units) + record_bytes(arena);
}

/* What is charged past soft, `added` included. */
static size_t excess_bytes(const struct hak_arena *arena, size_t added)
{
    size_t charged = hak_i_arena_charged_bytes(arena) + added;
    return charged > arena->budget.soft_bytes ? charged - arena->budget.soft_bytes : 0;
}

static void give_back_bytes(struct hak_arena *arena, size_t bytes)
{
    if (bytes != 0)
        hak_i_arena_give_back_locked(arena, hak_i_arena_units(bytes));
}

void hak_i_arena_budget_set(struct hak_arena *arena, size_t soft_bytes, size_t hard_bytes)
{
    hak_store_relaxed(&arena->budget.soft_bytes, soft_bytes);
    arena->budget.hard_bytes = hard_bytes;
    hak_store_relaxed(&arena->budget.pressed, hak_i_arena_charged_bytes(arena) > soft_bytes);
}

/* ------------------------------------------------------------------------------------- while units are taken ---- */

size_t hak_i_arena_added_bytes_locked(const struct hak_arena *arena, size_t first, size_t units)
{
    if (first == HAK_NO_UNIT)
        return bytes_of(units);
    size_t opened = hak_i_arena_opened_units_locked(arena, (struct hak_span){first, units});
    return bytes_of(opened + units - hak_i_runs_count(&arena->dirty, first, units));
}

/* Whether hard is in the way even if all free written memory is given back. */
static bool is_forbidden(const struct hak_arena *arena, size_t bytes)
{
    size_t least = hak_i_arena_charged_bytes(arena) - bytes_of(arena->dirty_units + arena->cache.units);
    return least > arena->budget.hard_bytes || bytes > arena->budget.hard_bytes - least;
}

bool hak_i_arena_make_way_locked(struct hak_arena *arena, size_t first, size_t units)
{
    size_t added = hak_i_arena_added_bytes_locked(arena, first, units);
    size_t excess = excess_bytes(arena, added);
    if (added == 0 || excess == 0 || is_forbidden(arena, added) || arena->dirty_units + arena->cache.units == 0)
        return false;
    give_back_bytes(arena, excess);
    return true;
}

/* One writer at a time, which holds the lock. */
static bool is_at_most_hard(struct hak_arena *arena, size_t charged)
{
    bool allowed = charged <= arena->budget.hard_bytes;
    if (!allowed)
        hak_count(&arena->budget.refusals, 1);
    return allowed;
}

bool hak_i_arena_admits_locked(struct hak_arena *arena, size_t first, size_t units)
{
    size_t added = hak_i_arena_added_bytes_locked(arena, first, units);
    if (added == 0)
        return true;
    size_t charged = hak_i_arena_charged_bytes(arena) + added;
    if (charged > arena->budget.soft_bytes)
        hak_store_relaxed(&arena->budget.pressed, true);
    return is_at_most_hard(arena, charged);
}

bool hak_i_arena_has_room_to_spare_locked(const struct hak_arena *arena, size_t units)
{
    return !hak_i_arena_has_budget(arena) ||
           hak_i_arena_charged_bytes(arena) + bytes_of(units) <= arena->budget.soft_bytes;
}

bool hak_i_arena_return_to_budget(struct hak_arena *arena)
{
    hak_i_base_lock(&arena->lock);
    if (hak_i_arena_charged_bytes(arena) > arena->budget.hard_bytes)
        give_back_bytes(arena, excess_bytes(arena, 0));
    bool returned = is_at_most_hard(arena, hak_i_arena_charged_bytes(arena));
    hak_i_base_unlock(&arena->lock);
    return returned;
}

/* --------------------------------------------------------------------------------------------- asked by front ---- */

bool hak_i_arena_shed(struct hak_arena *arena)
{
    hak_i_base_lock(&arena->lock);
    hak_store_relaxed(&arena->budget.pressed, false);
    give_back_bytes(arena, excess_bytes(arena, 0));
    bool over = excess_bytes(arena, 0) != 0;
    hak_i_base_unlock(&arena->lock);
    return over;
}

/* Half of what is always kept for re-use, and no more than an eighth of a budget. */
size_t hak_i_arena_retain_limit_bytes(const struct hak_arena *arena)
{
    size_t dirty_min = (size_t)hak_load_relaxed(&hak_i_base_options.dirty_min);
    return smaller(dirty_min / 2, hak_load_relaxed(&arena->budget.soft_bytes) / 8);
}
