// SPDX-License-Identifier: MIT
// What is where, found by walking the slabs and the heaps. Exact while no thread is inside hakmem.
#ifndef HAK_FRONT_CENSUS_H
#define HAK_FRONT_CENSUS_H

#include "front/front_private.h"

HAK_EXTERN_C_BEGIN

/* ----------------------------------------------------------------------------------------------------- spans ---- */

enum hak_span_kind {
    HAK_SPAN_SLAB,       /* of a class */
    HAK_SPAN_EMPTY_SLAB, /* kept by a heap for any class */
    HAK_SPAN_LARGE,
    HAK_SPAN_OTHER /* on its way from one state to another, or in BigCache */
};

struct hak_held_span {
    enum hak_span_kind kind;
    size_t unit;
    size_t units;
    const struct hak_slab *slab;
};

/* The first held span at or above `unit`; false: there is none. What lies before it is free or reserved. */
bool hak_i_front_next_span(const struct hak_process *process, size_t unit, struct hak_held_span *span);

/* ---------------------------------------------------------------------------------------------------- counts ---- */

/* A size class. A block is counted once: in use, on a stack, pending, free, or unused. */
struct hak_class_count {
    uint64_t slabs;
    uint64_t live_blocks;    /* with the program */
    uint64_t stack_blocks;   /* free, on the stacks or in depots */
    uint64_t pending_blocks; /* freed by another thread, in a combining buffer or not collected yet */
    uint64_t free_blocks;    /* free in slabs, used before */
    uint64_t kept_blocks;    /* the part of free_blocks in slabs that are empty and kept */
    uint64_t unused_blocks;  /* in slabs, never used */
    struct hak_heap_sample sample;
};

struct hak_census {
    struct hak_class_count classes[HAK_CLASS_COUNT];
    uint64_t empty_slab_bytes; /* of those that belong to no class */
    uint64_t kept_slab_bytes;  /* of those of a class that are empty and kept */
};

/* `process` has started. */
void hak_i_front_census(struct hak_census *census, const struct hak_process *process);

/* A slab's blocks: those on stacks and in combining buffers count as live. */
struct hak_class_count hak_i_front_count_slab(const struct hak_slab *slab);

/* The statistics, and the census that they come from; both are 0 before the first use of hakmem. */
void hak_i_front_snapshot(struct hak_stats *stats, struct hak_census *census);

/* What of `live_bytes` was not asked for, if they are like the sample; 0 without one. */
uint64_t hak_i_front_round_up_bytes(const struct hak_heap_sample *sample, uint64_t live_bytes);

/* A difference of counts that, while threads run, are of different moments. */
HAK_INLINE uint64_t hak_i_census_at_least_0(uint64_t difference)
{
    return (int64_t)difference < 0 ? 0 : difference;
}

HAK_EXTERN_C_END

#endif
