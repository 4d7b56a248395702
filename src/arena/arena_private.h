// SPDX-License-Identifier: MIT
// What the files of this box share. Functions named *_locked are called with the arena's lock held.
#ifndef HAK_ARENA_PRIVATE_H
#define HAK_ARENA_PRIVATE_H

#include "arena/arena.h"
#include "os_boundary/os_boundary.h"

HAK_EXTERN_C_BEGIN

/* In units. */
struct hak_span {
    size_t first;
    size_t units;
};

/* Takes these free units out of the sets; returns whether they all read as 0. */
bool hak_i_arena_take_locked(struct hak_arena *arena, size_t first, size_t units);

/* What the arena grows by when it grows next. */
size_t hak_i_arena_step_units_locked(const struct hak_arena *arena);

/* Takes units out of the reserve and makes them usable: held ones, and never written. The lock is let go in between. */
enum hak_os_result hak_i_arena_commit_reserved_locked(struct hak_arena *arena, size_t first, size_t units, bool huge);

/*
 * Adds a run of free units at a multiple of `align`, a whole step if that can be had, else what is needed: where it
 * starts, or HAK_NO_UNIT. The lock is let go meanwhile.
 */
size_t hak_i_arena_grow_locked(struct hak_arena *arena, size_t units, size_t align);

/* What the kernel is told at the start, of memory that is not usable yet. */
void hak_i_arena_advise_range(const struct hak_arena *arena);

/* Whether a chunk that is made usable for a span of `units` asks for huge pages; and what follows from it. */
bool hak_i_arena_grows_huge_locked(const struct hak_arena *arena, size_t units);
void hak_i_arena_advise_chunk(const struct hak_arena *arena, struct hak_span chunk, bool huge);
void hak_i_arena_note_huge_locked(struct hak_arena *arena, struct hak_span chunk);

/* The chunk is free: it may have completed pages that are in use in part, and the kernel may make them whole. */
void hak_i_arena_note_completed_locked(struct hak_arena *arena, struct hak_span chunk);

/* Whether the heap is large enough for huge pages to be asked for where memory is dense. Needs no lock. */
bool hak_i_arena_may_ask_for_pages(const struct hak_arena *arena);

/* From now on these whole huge pages are asked for, or no longer: whether that changes any. The kernel is then told. */
bool hak_i_arena_change_pages_locked(struct hak_arena *arena, struct hak_span pages, bool huge);
void hak_i_arena_advise_pages(const struct hak_arena *arena, struct hak_span pages, bool huge);

/* Whether more pages may be asked for one by one. */
bool hak_i_arena_may_divide_locked(const struct hak_arena *arena);

/*
 * Before a slab of small blocks takes these free units: where they open clean memory, huge pages are asked for. True:
 * the lock was let go.
 */
bool hak_i_arena_ask_before_taking_locked(struct hak_arena *arena, struct hak_span span);

/* Looks for what was written of a block that is about to be freed; where most was, new ones ask for huge pages. */
void hak_i_arena_learn_density(struct hak_arena *arena, const struct hak_large *large);
void hak_i_arena_ask_for_pages(struct hak_arena *arena, const struct hak_large *large);

/* Huge pages are asked for up to where one ends, so that the next chunk does not make a whole one of two halves. */
bool hak_i_arena_may_be_huge(struct hak_span chunk);

/* These free units were never written; where a huge page brought them, they are there. */
void hak_i_arena_note_brought_locked(struct hak_arena *arena, struct hak_span span);

/* These free units are about to be taken. */
void hak_i_arena_open_pages_locked(struct hak_arena *arena, struct hak_span span);

/* How many units beside them that brings. */
size_t hak_i_arena_opened_units_locked(const struct hak_arena *arena, struct hak_span span);

/* Free written units that are whole huge pages, one run of `units` or hardly more; none: an empty span. */
struct hak_span hak_i_arena_find_whole_pages_locked(const struct hak_arena *arena, size_t units);

/* The huge pages that lie in part in a span: none from now on. The kernel is then to be told, with no lock held. */
struct hak_split {
    size_t pages[2];
    unsigned count;
};

struct hak_split hak_i_arena_split_pages_locked(struct hak_arena *arena, struct hak_span span);
void hak_i_arena_advise_split(const struct hak_arena *arena, const struct hak_split *split);

/* Pages are about to be moved out of a span, which is to be one mapping: false, it may be several. And they were. */
bool hak_i_arena_join_pages(struct hak_arena *arena, struct hak_span span);
void hak_i_arena_note_moved(struct hak_arena *arena, struct hak_span from, struct hak_span to);

/* The span was mapped anew: the kernel knows nothing of huge pages in it any more, and keeps nothing apart in it. */
void hak_i_arena_note_remade(struct hak_arena *arena, struct hak_span span);

/* Whether pages may be moved from one span to the other: not out of several mappings, nor where too many would remain.
 */
bool hak_i_arena_may_move(struct hak_arena *arena, struct hak_span from, struct hak_span to);

/* They were. */
void hak_i_arena_note_seams(struct hak_arena *arena, struct hak_span to);

/* Puts held units back; the first `dirty_units` were written. */
void hak_i_arena_put_locked(struct hak_arena *arena, size_t first, size_t units, size_t dirty_units);

bool hak_i_arena_over_bound_locked(struct hak_arena *arena);

/* Gives back so many units of free written memory, or what there is; the lock is let go meanwhile. */
void hak_i_arena_give_back_locked(struct hak_arena *arena, size_t units);

/*
 * Before free units are taken, or units committed (`first` is HAK_NO_UNIT): where more would be written than ever
 * before, gives back free written memory in their place. True: the lock was let go.
 */
bool hak_i_arena_stay_below_peak_locked(struct hak_arena *arena, size_t first, size_t units);

/* Notes that units were needed that had been given back. */
void hak_i_arena_credit_locked(struct hak_arena *arena, size_t first, size_t units);

/* Empty slabs that heaps keep may take so much. Needs no lock. */
size_t hak_i_arena_retain_limit_bytes(const struct hak_arena *arena);

/*
 * Before free units are taken, or units committed (`first` is HAK_NO_UNIT): gives back what they take past soft. True:
 * the lock was let go.
 */
bool hak_i_arena_make_way_locked(struct hak_arena *arena, size_t first, size_t units);

/* What taking these units adds to the charge; those at HAK_NO_UNIT are yet to be committed. */
size_t hak_i_arena_added_bytes_locked(const struct hak_arena *arena, size_t first, size_t units);

/* Whether the budget allows it; a refusal is counted. */
bool hak_i_arena_admits_locked(struct hak_arena *arena, size_t first, size_t units);

/* Whether so many units can be taken for growth to come. */
bool hak_i_arena_has_room_to_spare_locked(const struct hak_arena *arena, size_t units);

/*
 * After more is charged than was asked for: past hard, what can be given back is. False: hard is passed, which counts
 * as a refusal. The lock is not held.
 */
bool hak_i_arena_return_to_budget(struct hak_arena *arena);

HAK_INLINE bool hak_i_arena_has_budget(const struct hak_arena *arena)
{
    return HAK_UNLIKELY(arena->budget.soft_bytes != SIZE_MAX);
}

/* What the program may have written, from the block's start, in whole pages. */
size_t hak_i_arena_large_written(const struct hak_arena *arena, const struct hak_large *large);

/* The record is unused from now on, and its unit's ID 0. */
void hak_i_arena_large_retire_locked(struct hak_arena *arena, struct hak_large *large);

/* A cached block of at least `units`, hardly larger, or NULL. */
struct hak_large *hak_i_big_cache_take(struct hak_big_cache *cache, size_t units);

/* False: the cache has no room for it. */
bool hak_i_big_cache_put(struct hak_big_cache *cache, struct hak_large *large);

/* The largest cached block (of the topmost bin), NULL when there is none; removes it. */
struct hak_large *hak_i_big_cache_evict(struct hak_big_cache *cache);

/* A lower bound on the units of the largest cached block, 0 when there is none. */
size_t hak_i_big_cache_largest(const struct hak_big_cache *cache);

/* 1 or 2 for B1 or B2 broken, 0 when both hold. */
int hak_i_big_cache_audit(const struct hak_big_cache *cache);

HAK_EXTERN_C_END

#endif
