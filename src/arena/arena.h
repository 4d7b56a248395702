// SPDX-License-Identifier: MIT
// Spans of 16 KiB units out of the registry's range: growth in steps of 1, 2, 4, 8 MiB, first fit in address order with
// written pages before clean ones, a bound on free written memory, large blocks, and BigCache.
#ifndef HAK_ARENA_H
#define HAK_ARENA_H

#include "arena/arena_types.h"
#include "base/atomic.h"

HAK_EXTERN_C_BEGIN

/* `registry` and `meta` are ready and outlive the arena. False: no memory. */
bool hak_i_arena_init(struct hak_arena *arena, struct hak_registry *registry, struct hak_meta *meta);

/*
 * The first unit of a span at a multiple of `align_units` (a power of two), or HAK_NO_UNIT: no memory. *clean: it reads
 * as 0. The span's table entries are writable, and its IDs 0.
 */
size_t hak_i_arena_acquire(struct hak_arena *arena, size_t units, size_t align_units, bool *clean);

/*
 * As hak_i_arena_acquire(), of up to *count such spans side by side, all of them written or none; *count: how many.
 * Those past the first are a bonus: for them nothing is made usable, and no other span is given back.
 */
size_t hak_i_arena_acquire_row(struct hak_arena *arena, size_t units, size_t align_units, size_t *count, bool *clean);

/* The first `dirty_units` of the span may have been written; the IDs are 0 again. */
void hak_i_arena_release(struct hak_arena *arena, size_t first, size_t units, size_t dirty_units);

/*
 * Adds `units` or more behind a span that ends at `end`; returns how many, 0 when they are not to be had. More comes
 * clean: a block that grows slowly asks the system once a growth step.
 */
size_t hak_i_arena_extend(struct hak_arena *arena, size_t end, size_t units);

/* As hak_i_arena_acquire(), placed where hak_i_arena_extend() will find room for long. *units may grow. */
size_t hak_i_arena_acquire_roomy(struct hak_arena *arena, size_t *units, bool *clean);

/*
 * Asks to keep an empty slab, or slabs that an idle heap's stacks hold blocks of: true when the bound on free written
 * memory has room for them. Lock-free.
 */
bool hak_i_arena_retain(struct hak_arena *arena, size_t bytes);
void hak_i_arena_unretain(struct hak_arena *arena, size_t bytes);

/*
 * Free written memory inside spans in use changed by so much, which counts under the bound; in what had been given
 * back, so much was needed again. Locks only for that.
 */
void hak_i_arena_count_holes(struct hak_arena *arena, ptrdiff_t change_bytes, size_t needed_bytes);

/* How much of the holes is to go back, since giving back spans is not enough, or not fair; 0: nothing. */
size_t hak_i_arena_hole_excess(struct hak_arena *arena);

/* Gives back whole pages inside a span in use, which read as 0 then; false: the system refuses. */
bool hak_i_arena_purge_hole(struct hak_arena *arena, uintptr_t address, size_t bytes);

/* Of hak_i_arena_written_units(), what lies in spans in use. */
HAK_INLINE size_t hak_i_arena_hole_units(const struct hak_arena *arena)
{
    return (hak_load_relaxed(&arena->hole_bytes) + HAK_UNIT_BYTES - 1) >> HAK_UNIT_SHIFT;
}

/* Of hak_i_arena_written_units(), what is not in free spans. */
HAK_INLINE size_t hak_i_arena_kept_units(const struct hak_arena *arena)
{
    return hak_load_relaxed(&arena->cache.units) + (hak_load_relaxed(&arena->retained_bytes) >> HAK_UNIT_SHIFT) +
           hak_i_arena_hole_units(arena);
}

/* Free written memory, which is bounded. Needs no lock. */
HAK_INLINE size_t hak_i_arena_written_units(const struct hak_arena *arena)
{
    return hak_load_relaxed(&arena->dirty_units) + hak_i_arena_kept_units(arena);
}

/* Whether it exceeds what the bound was when that was last looked at. Needs no lock. */
HAK_INLINE bool hak_i_arena_is_over_bound(const struct hak_arena *arena)
{
    return hak_i_arena_written_units(arena) > hak_load_relaxed(&arena->last_bound_units);
}

/* Gives back all free written memory; returns the bytes. */
size_t hak_i_arena_purge(struct hak_arena *arena);

/* Gives back what exceeds the bound. No lock is held by the caller. */
void hak_i_arena_settle(struct hak_arena *arena);

/* Whether the unit belongs to a slab, a large block or BigCache. Needs no lock; exact while nobody changes it. */
bool hak_i_arena_holds(const struct hak_arena *arena, size_t unit);

/* The first held unit at or above `unit`, or HAK_NO_UNIT. Needs no lock, as hak_i_arena_holds(). */
size_t hak_i_arena_next_held(const struct hak_arena *arena, size_t unit);

/*
 * The number of a broken invariant: 1 to 6 for A1 to A6, 7 and 8 for B1 and B2; 0 when all hold. Reads all free memory.
 */
int hak_i_arena_audit(struct hak_arena *arena);

/* ------------------------------------------------------------------------------------------------ the budget ---- */

/* What may have been written, records included. The caller holds the lock. */
size_t hak_i_arena_charged_bytes(const struct hak_arena *arena);

/* Sets the limits, of which soft is at most hard; SIZE_MAX: none. The caller holds the lock. */
void hak_i_arena_budget_set(struct hak_arena *arena, size_t soft_bytes, size_t hard_bytes);

/* Whether the charge has risen past soft since hak_i_arena_shed() was called last. Needs no lock. */
HAK_INLINE bool hak_i_arena_is_pressed(const struct hak_arena *arena)
{
    return hak_load_relaxed(&arena->budget.pressed);
}

/* Gives back free written memory for what is charged past soft; true: there was not enough. */
bool hak_i_arena_shed(struct hak_arena *arena);

/* How often hard was in the way of a request. Needs no lock. */
HAK_INLINE uint64_t hak_i_arena_refusals(const struct hak_arena *arena)
{
    return hak_load_relaxed(&arena->budget.refusals);
}

/* Whether there is a budget. Needs no lock. */
HAK_INLINE bool hak_i_arena_is_limited(const struct hak_arena *arena)
{
    return hak_load_relaxed(&arena->budget.soft_bytes) != SIZE_MAX;
}

/* ---------------------------------------------------------------------------------------------- large blocks ---- */

/* A block of at least `bytes` at a multiple of `alignment`, or NULL. *clean: it reads as 0. */
void *hak_i_arena_large_acquire(struct hak_arena *arena, size_t bytes, size_t alignment, bool *clean);

/* Takes the block at `unit` out of use: its record, or NULL when it is no live large block (any more). */
struct hak_large *hak_i_arena_large_claim(struct hak_arena *arena, size_t unit);

/* Frees a claimed block. */
void hak_i_arena_large_release(struct hak_arena *arena, struct hak_large *large);

/* Changes the size of a live block where it stands; false when it cannot. */
bool hak_i_arena_large_resize(struct hak_arena *arena, struct hak_large *large, size_t bytes);

/*
 * A live block's content in a larger block with room behind it, the old block freed; NULL: no memory, nothing changed.
 */
void *hak_i_arena_large_move(struct hak_arena *arena, struct hak_large *large, size_t bytes);

/* A new block with room to grow, for content that has outgrown the pool. */
void *hak_i_arena_large_acquire_roomy(struct hak_arena *arena, size_t bytes);

HAK_INLINE size_t hak_i_arena_units(size_t bytes)
{
    return bytes == 0 ? 1 : ((bytes - 1) >> HAK_UNIT_SHIFT) + 1;
}

HAK_EXTERN_C_END

#endif
