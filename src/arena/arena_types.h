// SPDX-License-Identifier: MIT
#ifndef HAK_ARENA_TYPES_H
#define HAK_ARENA_TYPES_H

#include "arena/runs.h"
#include "base/lock.h"
#include "meta/meta.h"
#include "registry/registry.h"

/* IDs of units that belong to no heap; see heap/heap_types.h for the others. */
enum hak_arena_id {
    HAK_ID_NOTHING = 0,
    HAK_ID_LARGE = 1,
    HAK_ID_FREED_LARGE = 2
};

/* A large block: a span of its own. Records are type-stable. */
struct hak_large {
    size_t first_unit;      /* atomic for statistics */
    size_t units;           /* atomic for statistics */
    size_t asked_units;     /* what the program may use; the rest of the span is slack */
    size_t written_units;   /* what it may have written, from the start */
    bool is_fresh;          /* all of it read as 0 when the program got it: what has pages, the program wrote */
    struct hak_large *next; /* in a bin of BigCache or on the list of unused records */
    struct hak_large *previous;
};

#define HAK_HUGE_UNITS (2 * HAK_MIB / HAK_UNIT_BYTES)

/* Sizes in units: 8 bins per doubling. */
#define HAK_BIG_CACHE_BINS 256

/*
 * Freed large blocks, found by size in O(1). Guarded by the arena's lock.
 *   B1  bin b is not empty  <=>  its bit in `filled` is set; its blocks are of its sizes
 *   B2  units is the sum of the units of all blocks in the bins
 */
struct hak_big_cache {
    struct hak_large *bins[HAK_BIG_CACHE_BINS];
    uint64_t filled[HAK_BIG_CACHE_BINS / 64];
    size_t units;       /* atomic (relaxed), as dirty_units of the arena */
    size_t limit_units; /* grows by what is hit, shrinks when blocks are given back */
    uint64_t hits;
    uint64_t misses;
    uint64_t reused_units; /* of the blocks that were hit, those still written */
};

/* What was found of large blocks that had been handed out fresh, when they were freed. Guarded by the arena's lock. */
struct hak_density {
    size_t looked_units;
    size_t paged_units; /* those there were pages for */
    size_t passed;      /* blocks that might have been looked at, since enough is known */
};

/*
 * Limits on the memory that may have been written; SIZE_MAX: none. Guarded by the arena's lock.
 *   C1  soft_bytes <= hard_bytes
 */
struct hak_budget {
    size_t soft_bytes; /* atomic (relaxed): read without the lock where a slab is retained */
    size_t hard_bytes;
    size_t moving_units; /* of large blocks whose pages are on their way to another place */
    uint64_t refusals;   /* of requests, for hard; atomic (relaxed) */
    bool pressed;        /* the charge has risen past soft, and front has not seen to it; atomic (relaxed) */
};

/*
 * All sizes in units of HAK_UNIT_BYTES. Every unit of the range is in exactly one state: reserved; free (usable, in no
 * one's hand); taken (not ours); or held: by a slab, a large block, BigCache, or a purge that is under way.
 *   A1  reserve, free are disjoint; dirty is a subset of free
 *   A2  free_units and dirty_units are the sizes of the sets free and dirty
 *   A3  held units = committed_units - free_units
 *   A4  a free unit that is not dirty, or is zeroed, reads as 0
 *   A5  the trees over the sets say what their bitmaps say
 *   A6  zeroed is a subset of dirty; huge_pages and seam_count are the sizes of huge and seams
 */
struct hak_arena {
    struct hak_lock lock; /* guards all that follows; no system call is made under it */
    struct hak_registry *registry;
    struct hak_meta *meta;
    struct hak_runs reserve;
    struct hak_runs free;
    struct hak_runs dirty;
    uint64_t *purged;   /* a bit per unit: given back, and not handed out since */
    uint64_t *huge;     /* a bit per huge page that was asked for */
    uint8_t *asked;     /* for each huge page that is not in one chunk, for how many of its units it was asked for */
    uint64_t *zeroed;   /* a bit per unit: dirty only because its huge page is there; it reads as 0 */
    uint64_t *seams;    /* a bit per unit: pages were moved to or behind it, and the kernel has a mapping begin there */
    uint64_t *taken;    /* a bit per unit of the range where something that is not ours is mapped; atomic */
    size_t grain_units; /* spans start and end at multiples of this: one, or a page where pages are larger than units */
    size_t committed_units; /* atomic (relaxed) */
    size_t huge_pages;      /* bits in huge */
    size_t huge_end;        /* above the highest that was ever set */
    size_t free_units;
    size_t dirty_units;         /* atomic (relaxed): read without the lock where a slab is retained */
    size_t last_bound_units;    /* what the bound was when it was last looked at; atomic (relaxed) */
    size_t large_units;         /* of live large blocks, slack included */
    size_t large_asked_units;   /* without slack */
    size_t large_written_units; /* what of them may have been written */
    size_t large_blocks;
    uint64_t sampled_asked_bytes; /* of the latest large blocks, in bytes asked for */
    uint64_t sampled_given_bytes; /* and in bytes given */
    size_t seam_count;
    unsigned growth_steps;
    unsigned islands;   /* blocks that were put amid reserved units, for room to grow */
    bool purge_refused; /* the system refuses to take pages back: do not ask in a loop */
    size_t peak_bytes;  /* the most that was ever charged where memory was taken */
    size_t credit_units;
    uint64_t credit_ms;     /* when credit last changed */
    size_t purging_units;   /* held, and on their way back to the system */
    uint64_t last_purge_ms; /* when pages were last given back to keep the bound */
    uint64_t purged_bytes;
    uint64_t repurchased_units;
    uint64_t reused_units; /* handed out still written, BigCache's apart */
    struct hak_large *unused_records;
    struct hak_big_cache cache;
    struct hak_budget budget;
    struct hak_density density;
    size_t sets_bytes;     /* what the sets take, of which little is ever written */
    size_t retained_bytes; /* by hak_i_arena_retain(); atomic, not under the lock */
    size_t hole_bytes;     /* told by hak_i_arena_count_holes(); atomic, not under the lock */
};

#endif
