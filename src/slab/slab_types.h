// SPDX-License-Identifier: MIT
#ifndef HAK_SLAB_TYPES_H
#define HAK_SLAB_TYPES_H

#include "arena/arena.h"
#include "base/attributes.h"

/* Rows of the class table: tiny's first, then pool's. */
#define HAK_TINY_CLASS_COUNT 24
#define HAK_POOL_CLASS_COUNT 32
#define HAK_CLASS_COUNT (HAK_TINY_CLASS_COUNT + HAK_POOL_CLASS_COUNT)

#define HAK_SLAB_WORDS 16
#define HAK_SLAB_BLOCKS_MAX (64 * HAK_SLAB_WORDS)

/* From this block size on a block starts at a unit, and only that unit carries the class's ID. */
#define HAK_UNIT_BLOCK_BYTES (64 * HAK_KIB)

/* One size class, constant. */
struct hak_class {
    uint64_t inverse; /* ⌈2^64 / block_bytes⌉: x * inverse >> 64 is x / block_bytes for every x below 2^32 */
    uint32_t block_bytes;
    uint32_t slab_bytes;
    uint32_t start_mask;  /* (address & start_mask) is a multiple of block_bytes exactly at the start of a block */
    uint16_t block_count; /* of a slab */
    uint16_t first_slots; /* of a stack when its class is first used */
    uint16_t most_slots;
    uint16_t prewarm_slots; /* 0: none */
};

#define HAK_CLASS_ROW(size, slab_size, first, most, prewarm)                                                           \
    {                                                                                                                  \
        .inverse = UINT64_MAX / (size) + 1, .block_bytes = (size), .slab_bytes = (slab_size),                          \
        .start_mask = (uint32_t)((size) < HAK_UNIT_BLOCK_BYTES ? (slab_size) : HAK_UNIT_BYTES) - 1,                    \
        .block_count = (slab_size) / (size), .first_slots = (first), .most_slots = (most), .prewarm_slots = (prewarm), \
    }

/* Defined by whoever composes the boxes; a test may bring a table of its own. */
extern const struct hak_class hak_i_slab_classes[HAK_CLASS_COUNT];

/* Slabs with uncollected blocks, and a mark for an inbox whose heap no thread holds. */
struct hak_inbox {
    uintptr_t head;    /* atomic: a slab's address, or 0, plus HAK_INBOX_IDLE */
    size_t idle_bytes; /* atomic: of the slabs pushed since it became idle */
};

#define HAK_INBOX_IDLE ((uintptr_t)1)

enum hak_slab_state {
    HAK_SLAB_UNUSED = 0, /* the record belongs to no span */
    HAK_SLAB_EMPTY,      /* a span without a class, kept by a heap */
    HAK_SLAB_BOUND       /* holds blocks of its class */
};

/*
 * The record of a slab: type-stable, never unmapped. What other threads read lies in a line that is seldom written; the
 * owner's bits and the bits that other threads set have lines of their own. The last line is touched by other threads
 * once a word of bits becomes non-zero, and by the owner, which has to fetch it then, when it collects and lists.
 *
 *   S1  a bound slab's block i is free here (bit i of local), collectable (bit i of remote), not carved (i >= carved),
 *       or elsewhere: with the user, on a stack, or in a combining buffer; never two of these
 *   S2  free_count is the number of bits set in local, all of them below carved
 *   S3  bit w of summary is set  =>  remote[w] != 0  (but for the moment in which the owner collects)
 *   S4  summary != 0  =>  the slab is on exactly one inbox or one drained list, or its freer is about to push it
 *   S6  every unit of the span leads to this record
 *   S5  listed  <=>  the slab is among its heap's slabs with room, which is so  <=>  it has room
 */
struct hak_slab {
    uintptr_t start;     /* atomic where other threads look: statistics */
    size_t span_bytes;   /* atomic for statistics */
    uint16_t carved;     /* blocks below were handed out at least once; atomic for statistics */
    uint8_t class_index; /* atomic for statistics */
    uint8_t state;       /* enum hak_slab_state; atomic for statistics */
    bool clean;          /* what is not carved reads as 0 */
    bool retained;       /* empty, and counted by hak_i_arena_retain() */
    uint64_t purged;     /* of the first word of local: free blocks whose pages were given back; see heap/holes.c */
    struct hak_slab *newer_holes; /* among the owner's slabs with holes, those that were given blocks later */
    struct hak_slab *older_holes;
    uint64_t local[HAK_SLAB_WORDS] HAK_ALIGNED(HAK_CACHE_LINE_BYTES);
    uint64_t remote[HAK_SLAB_WORDS] HAK_ALIGNED(HAK_CACHE_LINE_BYTES); /* atomic */
    uint64_t summary HAK_ALIGNED(HAK_CACHE_LINE_BYTES);                /* atomic */
    struct hak_inbox *owner;                                           /* atomic */
    struct hak_slab *next_pending; /* written by the pusher, read by who took the inbox */
    struct hak_slab *next;         /* among unused records */
    struct hak_slab *lower;        /* among the owner's slabs with room, where those at lower addresses are */
    struct hak_slab *higher;       /* and those at higher ones */
    uint64_t out_sum;              /* of blocks that were found out, and none was given back since; or 0 */
    uint16_t free_count;           /* atomic for statistics */
    bool listed;
    uint32_t hole_bytes; /* what of it counts as free written memory */
};

HAK_STATIC_ASSERT(sizeof(struct hak_slab) == 384, "six cache lines");

/* The store of records, and where spans come from. */
struct hak_slabs {
    struct hak_lock lock; /* guards unused */
    struct hak_arena *arena;
    struct hak_slab *unused;
};

#endif
