// SPDX-License-Identifier: MIT
// A set of units with first fit in address order: a bitmap, and over it a tree that knows the longest run of each part.
#ifndef HAK_ARENA_RUNS_H
#define HAK_ARENA_RUNS_H

#include "base/attributes.h"

HAK_EXTERN_C_BEGIN

#define HAK_RUNS_LEAF_UNITS 512
#define HAK_RUNS_LEAF_WORDS (HAK_RUNS_LEAF_UNITS / 64)
#define HAK_NO_UNIT SIZE_MAX

/* Lengths in units: of the run at the start, of the longest, of the run at the end. */
struct hak_run {
    uint32_t head;
    uint32_t longest;
    uint32_t tail;
};

/*
 * Memory that is all 0 is a valid set: empty, or full when `inverted`. So the large set of reserved units costs nothing
 * at start.
 */
struct hak_runs {
    uint64_t *words;        /* a bit per unit; for an inverted set, a bit per missing unit */
    struct hak_run *nodes;  /* those of one subtree lie together; nodes[1] is over all units */
    size_t leaves;          /* a power of two */
    size_t subtrees;        /* a power of two, and the number of the first one's root */
    unsigned subtree_level; /* the roots' */
    size_t root;            /* the lowest node over all that was ever in the set; those above it are not kept up */
    uint32_t root_span;     /* its units */
    size_t phase;           /* units by which unit 0 is past a multiple of every alignment asked for */
    bool inverted;
};

/* The bytes that hak_i_runs_init() needs for `units`, a multiple of HAK_RUNS_LEAF_UNITS. */
size_t hak_i_runs_bytes(size_t units);

/* `memory` is all 0 and stays the set's. */
void hak_i_runs_init(struct hak_runs *runs, void *memory, size_t units, size_t phase, bool full);

void hak_i_runs_add(struct hak_runs *runs, size_t first, size_t count);
void hak_i_runs_remove(struct hak_runs *runs, size_t first, size_t count);

/*
 * The first `count` units of the set that start at a multiple of `align` (a power of two), or HAK_NO_UNIT. O(log):
 * among many runs that are long enough but lie badly, one is looked for that fits wherever it lies, and a narrower fit
 * may be missed.
 */
size_t hak_i_runs_find(const struct hak_runs *runs, size_t count, size_t align);

/* Where the first run at or above `from` starts that has `count` units there, or HAK_NO_UNIT. */
size_t hak_i_runs_find_from(const struct hak_runs *runs, size_t from, size_t count);

/* The length of the longest run. */
size_t hak_i_runs_longest(const struct hak_runs *runs);

/* The number of consecutive units from `first` on that are in the set, counted up to `limit`. */
size_t hak_i_runs_length(const struct hak_runs *runs, size_t first, size_t limit);

bool hak_i_runs_has(const struct hak_runs *runs, size_t unit);

/* How many of these units are in the set. */
size_t hak_i_runs_count(const struct hak_runs *runs, size_t first, size_t count);

/* Whether every node says what the bitmap says. Walks everything. */
bool hak_i_runs_audit(const struct hak_runs *runs);

HAK_EXTERN_C_END

#endif
