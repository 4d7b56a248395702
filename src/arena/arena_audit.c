// SPDX-License-Identifier: MIT
#include "arena/arena_private.h"

static int audit_locked(const struct hak_arena *arena)
{
    size_t free_units = 0;
    size_t dirty_units = 0;
    for (size_t unit = 0; unit < arena->registry->units; unit++) {
        bool is_free = hak_i_runs_has(&arena->free, unit);
        bool is_dirty = hak_i_runs_has(&arena->dirty, unit);
        if ((is_free && hak_i_runs_has(&arena->reserve, unit)) || (is_dirty && !is_free))
            return 1;
        free_units += is_free;
        dirty_units += is_dirty;
    }
    if (free_units != arena->free_units || dirty_units != arena->dirty_units)
        return 2;
    if (arena->free_units > arena->committed_units)
        return 3;
    bool trees_agree = hak_i_runs_audit(&arena->reserve) && hak_i_runs_audit(&arena->free) &&
                       hak_i_runs_audit(&arena->dirty);
    if (!trees_agree)
        return 4;
    return hak_i_big_cache_audit(&arena->cache) ? 0 : 5;
}

int hak_i_arena_audit(struct hak_arena *arena)
{
    hak_i_base_lock(&arena->lock);
    int broken = audit_locked(arena);
    hak_i_base_unlock(&arena->lock);
    return broken;
}
