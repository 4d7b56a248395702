// SPDX-License-Identifier: MIT
// What the files of this box share: the process, the calling thread's heap, and the slow halves of the API.
#ifndef HAK_FRONT_PRIVATE_H
#define HAK_FRONT_PRIVATE_H

#include <hakmem/hakmem.h>

#include "base/check.h"
#include "heap/heap.h"

HAK_EXTERN_C_BEGIN

/* --------------------------------------------------------------------------------------------------- process ---- */

/* All state of the process, built once, never torn down. */
struct hak_process {
    struct hak_registry registry;
    struct hak_meta meta;
    struct hak_arena arena;
    struct hak_slabs slabs;
    struct hak_heaps heaps;
    bool check_full;
};

extern struct hak_process hak_i_process;

/* Builds the process's state at the first call; false: no memory. */
bool hak_i_front_start(void);
bool hak_i_front_started(void);

/* Registers the fork handlers, once; they are needed before the first lock can be held. */
void hak_i_front_watch_forks(void);

/* The lock of the start, for the fork handlers. */
extern struct hak_lock hak_i_front_start_lock;

/* ---------------------------------------------------------------------------------------------------- thread ---- */

/*
 * The calling thread's heap: its own, or one of two that hold nothing, so that every fast path leaves at its first
 * test. The one word of thread-local storage that hakmem has.
 */
extern __thread struct hak_heap_hot *hak_i_self __attribute__((tls_model("initial-exec")));
extern struct hak_heap_hot hak_i_front_unclaimed; /* has not needed a heap yet */
extern struct hak_heap_hot hak_i_front_departed;  /* has given its heap back, at its end */

void hak_i_front_thread_start(void); /* once per process: the hook at a thread's end */

/* The thread's heap, NULL when it holds none now. */
struct hak_heap *hak_i_front_heap(void);

/*
 * A heap for one piece of work: the thread's own, claimed if need be, or after its end a borrowed one; NULL: no memory.
 */
struct hak_heap *hak_i_front_borrow(void);
void hak_i_front_return(struct hak_heap *heap);

/*
 * Around work on the arena that no heap's is: large blocks, giving back. A fork waits for it. Returns what ends it.
 */
struct hak_heap *hak_i_front_begin_work(void);
void hak_i_front_end_work(struct hak_heap *mine);

/* Counts a free of a block of `owner` by a thread without a heap, which it will rather go on with; soon it has one. */
void hak_i_front_note_remote_free(struct hak_heap *owner);

/* ------------------------------------------------------------------------------------------------ looking up ---- */

enum hak_place {
    HAK_PLACE_FOREIGN,
    HAK_PLACE_NEVER, /* hakmem's memory, and no block starts there */
    HAK_PLACE_FREED, /* a block was there, and its memory has been given up */
    HAK_PLACE_INTERIOR,
    HAK_PLACE_BLOCK, /* of a class */
    HAK_PLACE_LARGE
};

struct hak_look {
    enum hak_place place;
    uint32_t id;
    size_t unit;
    size_t block_bytes; /* 0 when there is no block around the address */
    struct hak_large *large;
};

/* What is at the address, from tables alone: true for any 64-bit value. */
struct hak_look hak_i_front_look(const void *address);

/* Looks the block up for a call that does not free it; false: reported. */
bool hak_i_front_look_up_live(const void *block, struct hak_look *look, const char *function);

/* Whether a block asked for with `size` bytes can be the one that was found. */
bool hak_i_front_size_matches(const struct hak_look *look, size_t size);

/* ---------------------------------------------------------------------------------------------------- misuse ---- */

/* Reports and aborts, or calls the handler and returns. No lock is held. */
HAK_COLD void hak_i_front_misuse(enum hak_error_kind kind, const void *address, const struct hak_look *look,
                                 const char *function);

/* The report that fits a place that is no live block. */
HAK_COLD void hak_i_front_misplaced(const void *address, const struct hak_look *look, const char *function);

/* Reports what the heap found in the middle of its work. */
void hak_i_front_report_findings(struct hak_heap *heap, const char *function);

/* ----------------------------------------------------------------------------------------------- explaining ---- */

/* Keeps what the page at the end needs, if the option says that there will be one. No lock is held. */
void hak_i_front_prepare_page(void);

/* Writes the page of hak_explain() to standard error, if the option says so. */
void hak_i_front_explain_at_exit(void);

/* ------------------------------------------------------------------------------------------------ the budget ---- */

/* Sets the limits that the option names. The arena is ready. */
void hak_i_front_budget_start(void);

/* A thread that ends calls back no more. */
void hak_i_front_budget_at_thread_end(void);

/* In the child: no other thread calls back. Where `others_are_quiet`, none was moving pages either. */
void hak_i_front_budget_after_fork(bool others_are_quiet);

/* Gives back what can be, and calls the program if that is not enough; at most now and then. */
HAK_COLD void hak_i_front_budget_pressed(void);

/* At the end of a call that may have taken memory: no lock and no heap is held. */
HAK_INLINE void hak_i_front_tend_budget(void)
{
    if (HAK_UNLIKELY(hak_i_arena_is_pressed(&hak_i_process.arena)))
        hak_i_front_budget_pressed();
}

/* A call for which there was no memory; all 0 before its first try. */
struct hak_relief {
    unsigned tries;
    uint64_t refusals; /* of the arena's, when the last try began */
};

/*
 * There was no memory for `bytes`. True: there is a budget, what could be given back for it has been or the program was
 * called, and it is worth another try. False: it is not; a refusal by the budget is counted.
 */
HAK_COLD bool hak_i_front_budget_relieves(struct hak_relief *relief, size_t bytes);

void hak_i_front_budget_add(struct hak_stats *stats);

/* Empties the calling thread's heap and the idle ones into the arena, and those of others but for their stacks. */
size_t hak_i_front_empty_heaps(const char *function);

/* ------------------------------------------------------------------------------------- fast and slow halves ---- */

/* Takes a request that found no block on its stack into the sample that round_up_bytes is estimated from. */
void hak_i_front_note_request(struct hak_heap *heap, unsigned class_index, size_t size);

/* Sets errno; returns NULL. */
void *hak_i_front_no_memory(void);

/* hak_alloc() and hak_free() of this library, whichever library of the process the public names belong to. */
void *hak_i_front_alloc(size_t size);
void hak_i_front_free(void *block);

HAK_NOINLINE void *hak_i_front_alloc_slow(size_t size);
HAK_NOINLINE void *hak_i_front_zalloc_slow(size_t size);
HAK_NOINLINE void hak_i_front_free_slow(void *block);
HAK_NOINLINE void hak_i_front_free_sized_slow(void *block, size_t size);

HAK_EXTERN_C_END

#endif
