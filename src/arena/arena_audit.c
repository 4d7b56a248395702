// SPDX-License-Identifier: MIT
#include "arena/arena_private.h"
#include "base/bitmap.h"

static bool reads_as_zero(const struct hak_arena *arena, size_t unit)
{
    const uint64_t *words = (const uint64_t *)hak_i_registry_address(arena->registry, unit);
    for (size_t i = 0; i < HAK_UNIT_BYTES / sizeof *words; i++)
        if (words[i] != 0)
            return false;
    return true;
}

/* What one walk over the units finds. */
struct census {
    size_t free_units;
    size_t dirty_units;
    size_t held_units;
    bool overlap;
    bool written;
    bool zeroed_outside;
};

static void add_unit(struct census *census, const struct hak_arena *arena, size_t unit)
{
    bool is_reserved = hak_i_runs_has(&arena->reserve, unit);
    bool is_free = hak_i_runs_has(&arena->free, unit);
    bool is_dirty = hak_i_runs_has(&arena->dirty, unit);
    census->free_units += is_free;
    census->dirty_units += is_dirty;
    census->held_units += hak_i_arena_holds(arena, unit);
    census->overlap |= (is_free && is_reserved) || (is_dirty && !is_free);
    bool is_zeroed = hak_bitmap_count(arena->zeroed, unit, 1) != 0;
    census->zeroed_outside |= is_zeroed && !is_dirty;
    census->written |= is_free && !is_reserved && (is_zeroed || !is_dirty) && !reads_as_zero(arena, unit);
}

static bool trees_agree(const struct hak_arena *arena)
{
    return hak_i_runs_audit(&arena->reserve) && hak_i_runs_audit(&arena->free) && hak_i_runs_audit(&arena->dirty);
}

static int audit_locked(const struct hak_arena *arena)
{
    struct census census = {0};
    for (size_t unit = 0; unit < arena->registry->units; unit++)
        add_unit(&census, arena, unit);
    if (census.overlap)
        return 1;
    if (census.free_units != arena->free_units || census.dirty_units != arena->dirty_units)
        return 2;
    if (census.held_units != arena->committed_units - arena->free_units)
        return 3;
    if (census.written)
        return 4;
    if (!trees_agree(arena))
        return 5;
    if (census.zeroed_outside || hak_bitmap_count(arena->huge, 0, arena->huge_end) != arena->huge_pages ||
        hak_bitmap_count(arena->seams, 0, arena->registry->units) != arena->seam_count)
        return 6;
    int broken = hak_i_big_cache_audit(&arena->cache);
    return broken == 0 ? 0 : 6 + broken;
}

int hak_i_arena_audit(struct hak_arena *arena)
{
    hak_i_base_lock(&arena->lock);
    int broken = audit_locked(arena);
    hak_i_base_unlock(&arena->lock);
    return broken;
}
