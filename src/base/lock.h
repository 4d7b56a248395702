// SPDX-License-Identifier: MIT
// A mutex with a rank. Locks are taken in rising order of rank; debug builds stop on any other order. A thread that
// forks holds all of them, and may take them once more: handlers of others run meanwhile, and may use hakmem.
#ifndef HAK_BASE_LOCK_H
#define HAK_BASE_LOCK_H

#include <pthread.h>

#include "base/attributes.h"

HAK_EXTERN_C_BEGIN

enum hak_lock_rank {
    HAK_RANK_START = 1, /* the process-wide start */
    HAK_RANK_GATE,      /* held by a thread that forks */
    HAK_RANK_VISITS,    /* work on a heap that another thread holds */
    HAK_RANK_HEAPS,     /* the lists of heaps */
    HAK_RANK_RECORDS,   /* the store of slab records */
    HAK_RANK_ARENA,     /* spans of units, large blocks, BigCache */
    HAK_RANK_META       /* metadata memory */
};

struct hak_lock {
    pthread_mutex_t mutex;
    uintptr_t owner; /* pthread_self() of the holder, 0 when free; atomic, written by the holder alone */
    enum hak_lock_rank rank;
    unsigned nested; /* how often the thread that forks has taken it beyond the first time */
};

#define HAK_LOCK_INITIALIZER(lock_rank)                                                                                \
    {                                                                                                                  \
        PTHREAD_MUTEX_INITIALIZER, 0, lock_rank, 0                                                                     \
    }

void hak_i_base_lock_init(struct hak_lock *lock, enum hak_lock_rank rank);

/*
 * Taking a lock that the caller holds is reported and stops the process, for a signal handler has interrupted the
 * holder; but not while the caller forks.
 */
void hak_i_base_lock(struct hak_lock *lock);
bool hak_i_base_lock_try(struct hak_lock *lock);
void hak_i_base_unlock(struct hak_lock *lock);
bool hak_i_base_lock_is_mine(const struct hak_lock *lock);

/* Around the time in which the caller holds all locks. One thread at a time; the end may come in the child. */
void hak_i_base_lock_fork_begins(void);
void hak_i_base_lock_fork_ends(void);

HAK_EXTERN_C_END

#endif
