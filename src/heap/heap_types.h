// SPDX-License-Identifier: MIT
#ifndef HAK_HEAP_TYPES_H
#define HAK_HEAP_TYPES_H

#include "slab/slab.h"

/*
 * The region ID of a unit in use: heap << 12 | class * 32. The low part is the distance in bytes of the class's bin, so
 * that one exclusive or and one compare decide "mine" and yield the bin.
 */
#define HAK_ID_HEAP_SHIFT 12
#define HAK_HEAP_NUMBER_MAX (((uint32_t)1 << 20) - 1)

/* One class's stack as the fast paths see it. */
struct hak_bin {
    uint64_t start_mask; /* as in struct hak_class */
    uint64_t inverse;
    void **top;  /* the first empty slot; atomic (relaxed) because statistics look */
    void **full; /* top's limit */
};

#define HAK_BIN_BYTES 32
HAK_STATIC_ASSERT(sizeof(struct hak_bin) == HAK_BIN_BYTES, "a bin is half a cache line");
HAK_STATIC_ASSERT((HAK_CLASS_COUNT * HAK_BIN_BYTES) <= 1 << HAK_ID_HEAP_SHIFT,
                  "a scaled class fits below the heap number");

#define HAK_CLASSES_SCALED (HAK_CLASS_COUNT * HAK_BIN_BYTES)

/* All that the fast paths touch. A heap that holds nothing (units 0, every stack empty and full) is valid, too. */
struct hak_heap_hot {
    uintptr_t base;
    size_t units;
    uint32_t *ids;
    uint32_t id; /* the heap's number, shifted */
    uint32_t unused;
    struct hak_bin bins[HAK_CLASS_COUNT];
} HAK_ALIGNED(HAK_CACHE_LINE_BYTES);

/* Below the first entry of a stack lie two slots that are NULL: "empty" needs no compare with the bottom. */
#define HAK_STACK_SENTINELS 2
#define HAK_INLINE_SLOTS 16
#define HAK_STACK_SLOTS_MAX 2048

/* A slow call moves at most so many blocks. */
#define HAK_BATCH_MAX 64

/*
 * The rest of a stack. Its entries are first … top - 1; the oldest are flushed by moving `first` up, so the window
 * wanders to the end of the array and is moved back there.
 *   T1  array + 2 <= first <= top <= full <= array + 2 + slots;  full <= first + capacity
 *   T2  first[-1] == first[-2] == NULL
 */
struct hak_stack {
    void **array;
    void **first; /* atomic (relaxed) because statistics look */
    uint32_t slots;
    uint32_t capacity;
    struct hak_slab *rooms;    /* slabs of this class with room, by address; see rooms.c */
    struct hak_slab *kept;     /* one of them, empty, kept for the next need */
    struct hak_slab *put_away; /* a slab of the class, where all its blocks lay when they were last put away */
    uint32_t run;              /* slow events of the same kind in a row */
    bool flushed_last;         /* the kind: a flush, not a refill */
    bool used;                 /* since the class was last looked at */
    bool filled;               /* a slab of the class was used to its end: the heap needs many blocks */
};

/*
 * Blocks of other heaps' slabs, gathered so that neighbours cost one atomic operation. Each class has an entry of its
 * own, for blocks of one class mostly come back in the order in which they were handed out, word after word, whatever
 * other classes do between. What it held before waits, direct-mapped, for more.
 */
#define HAK_COMBINE_WAITING 64

struct hak_combine_entry {
    uintptr_t key;        /* address of the slab plus number of the word; 0 when unused */
    uint64_t bits;        /* atomic (relaxed) because statistics look */
    uint32_t left;        /* blocks until it is published */
    uint32_t class_index; /* atomic (relaxed), too */
};

struct hak_combine {
    uint64_t open;         /* a bit per class whose entry is in use */
    uint64_t waiting_mask; /* a bit per waiting entry in use */
    struct hak_combine_entry current[HAK_CLASS_COUNT];
    struct hak_combine_entry waiting[HAK_COMBINE_WAITING];
};

HAK_STATIC_ASSERT(HAK_CLASS_COUNT <= 64, "a bit per class");

#define HAK_HEAP_EMPTIES 8
#define HAK_EMPTY_BYTES (64 * HAK_KIB)

/* Misuse found in the middle of slow work is told to the front when that is done. */
#define HAK_HEAP_FINDINGS 4

struct hak_finding {
    void *block;
    uint32_t class_index;
    bool never_allocated; /* else freed twice */
};

/* Written by the heap's holder alone, read by any thread; relaxed atomics. */
struct hak_heap_counts {
    uint64_t claims;
    uint64_t refills;
    uint64_t flushes;
    uint64_t publications;
    uint64_t remote_frees;
    uint64_t handovers;
};

/* Requests whose size was looked at, on slow paths alone. Written and read as the counts above. */
struct hak_heap_sample {
    uint64_t asked_bytes;
    uint64_t given_bytes; /* to the same requests */
};

/*
 * A thread's heap: immortal, held by one thread at a time or idle.
 *   H1  granted_bytes is the sum over the classes of capacity * block_bytes, at most the bound of stack.c plus one
 *       block per pool class
 *   H2  every slab whose owner is this inbox and which has room is among the `rooms` of its class
 *   H3  an idle heap's combining buffer is empty, and its inbox carries the idle mark
 *   H5  the slabs with holes are those of the heap whose hole_bytes is not 0, and that is what holes.c says it is;
 *       the heap's is their sum
 *   H4  put_away_bytes of an idle heap is the sum of slab_bytes over the classes with blocks on their stacks, each of
 *       which holds blocks of one slab; of a held heap it is 0, but between putting away and letting go
 */
struct hak_heap {
    struct hak_heap_hot hot;
    struct hak_stack stacks[HAK_CLASS_COUNT];
    struct hak_heaps *heaps;
    struct hak_slab *drained;      /* taken from the inbox, not collected yet */
    struct hak_slab *newest_holes; /* the slabs with holes that count; see holes.c */
    struct hak_slab *oldest_holes;
    size_t hole_bytes;        /* of all of them; atomic (relaxed) because who would visit looks */
    ptrdiff_t hole_change;    /* since the arena was told */
    size_t hole_needed_bytes; /* in holes that had been given back, since then */
    struct hak_slab *empties[HAK_HEAP_EMPTIES];
    unsigned empty_count; /* atomic (relaxed) because statistics look */
    unsigned ticks;
    uint64_t started; /* a bit per class that had no stack and was given one, since the stacks were put away */
    bool crowded;     /* the stacks' bytes are all granted, and no stack could shrink */
    unsigned look_at; /* the class whose stack is looked at next */
    uint32_t number;
    size_t granted_bytes;
    size_t slab_bytes;     /* of all slabs taken and not given back */
    size_t put_away_bytes; /* of the slabs that an idle heap's stacks hold blocks of; counted by hak_i_arena_retain() */
    unsigned finding_count;
    struct hak_finding findings[HAK_HEAP_FINDINGS];
    struct hak_combine combine;
    struct hak_heap *sent_to; /* to whom the first of sent_bytes went; see asleep.c */
    size_t sent_bytes;        /* published since the last look at a sleeper */
    struct hak_heap_counts counts;
    struct hak_heap_sample samples[HAK_CLASS_COUNT];
    bool busy;                /* slow work is under way; atomic, read by a thread that forks or visits */
    bool visited;             /* another thread works on it, and its own waits with slow work; atomic */
    struct hak_heap *visitor; /* who is told of misuse that is found meanwhile; else NULL */
    bool parted;              /* slabs were taken from it while its stacks may have held blocks of them */
    bool held;                /* guarded by the lock of struct hak_heaps, as are the links */
    uint64_t idle_since_ms;
    struct hak_heap *next_heap;
    struct hak_heap *next_idle;
    struct hak_heap *previous_idle;
    struct hak_inbox inbox HAK_ALIGNED(HAK_CACHE_LINE_BYTES);
    uint64_t calls_seen; /* its slow calls when someone last asked whether its thread is asleep; atomic */
    void *inline_slots[HAK_CLASS_COUNT][HAK_STACK_SENTINELS + HAK_INLINE_SLOTS] HAK_ALIGNED(HAK_CACHE_LINE_BYTES);
};

/*
 * Blocks of one of pool's classes that heaps other than their slabs' have passed on, for any heap to take: at most so
 * many, and a largest stack's bytes.
 */
#define HAK_DEPOT_SLOTS 64

struct hak_depot {
    bool open;      /* atomic: a thread is at it, in slow work; guards count and blocks */
    bool wanted;    /* atomic: since someone looked last */
    unsigned count; /* atomic (relaxed) for a look at it closed */
    void *blocks[HAK_DEPOT_SLOTS];
} HAK_ALIGNED(HAK_CACHE_LINE_BYTES);

/* All heaps of the process. */
struct hak_heaps {
    struct hak_lock lock; /* guards the lists and `held` */
    struct hak_slabs *slabs;
    struct hak_lock gate;    /* held by a thread that forks, from before the work stops until it may go on */
    struct hak_lock visits;  /* held by a thread that works on a heap that another holds */
    bool gate_closed;        /* atomic: no slow work may begin */
    uint32_t heapless;       /* atomic: threads at work without a heap at this moment */
    size_t hole_block_bytes; /* holes of blocks from here on count */
    bool check_full;         /* heaps have no units and no stacks: every call is looked at */
    struct hak_heap *all;    /* atomic: readers walk next_heap without the lock */
    struct hak_heap *idle_newest;
    struct hak_heap *idle_oldest;
    uint32_t heap_count;    /* atomic for readers */
    uint32_t idle_count;    /* atomic for readers */
    size_t idle_hole_bytes; /* of idle heaps; atomic for readers */
    uint64_t others_due_ms; /* when others' holes are looked at again; atomic (relaxed) */
    uint64_t passed;        /* atomic: a bit per class of pool's whose depot was ever used */
    struct hak_depot depots[HAK_POOL_CLASS_COUNT];
};

#endif
