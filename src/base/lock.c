// SPDX-License-Identifier: MIT
#include "base/lock.h"

#include <stdlib.h>

#include "base/atomic.h"
#include "base/check.h"

/* Holding times are below a microsecond, a sleep costs several. */
#define SPINS_BEFORE_SLEEP 60

#if HAK_DEBUG
static _Thread_local unsigned held_ranks;
#else
static unsigned held_ranks;
#endif

static bool forking; /* atomic (relaxed): only the thread that wrote it finds its own name in a lock meanwhile */

static uintptr_t this_thread(void)
{
    return (uintptr_t)pthread_self();
}

void hak_i_base_lock_init(struct hak_lock *lock, enum hak_lock_rank rank)
{
    *lock = (struct hak_lock)HAK_LOCK_INITIALIZER(rank);
}

static HAK_COLD void report_reentry(void)
{
    struct hak_line line = {0};
    hak_i_base_line_text(&line, "called from a signal handler that interrupted hakmem on the same thread");
    hak_i_base_line_write(&line);
    abort();
}

static void note_held(struct hak_lock *lock)
{
    /* relaxed: only a thread that finds its own name here acts on it, and it wrote that itself */
    hak_store_relaxed(&lock->owner, this_thread());
    if (HAK_DEBUG) {
        HAK_CHECK(held_ranks >> lock->rank == 0, "locks taken out of rank order");
        held_ranks |= 1U << lock->rank;
    }
}

void hak_i_base_lock(struct hak_lock *lock)
{
    for (int spin = 0; spin < SPINS_BEFORE_SLEEP; spin++)
        if (hak_i_base_lock_try(lock))
            return;
    if (hak_i_base_lock_is_mine(lock)) {
        if (!hak_load_relaxed(&forking))
            report_reentry();
        lock->nested++;
        return;
    }
    pthread_mutex_lock(&lock->mutex);
    note_held(lock);
}

bool hak_i_base_lock_try(struct hak_lock *lock)
{
    if (pthread_mutex_trylock(&lock->mutex) != 0)
        return false;
    note_held(lock);
    return true;
}

bool hak_i_base_lock_is_mine(const struct hak_lock *lock)
{
    return hak_load_relaxed(&lock->owner) == this_thread();
}

void hak_i_base_lock_fork_begins(void)
{
    hak_store_relaxed(&forking, true);
}

void hak_i_base_lock_fork_ends(void)
{
    hak_store_relaxed(&forking, false);
}

void hak_i_base_unlock(struct hak_lock *lock)
{
    if (HAK_UNLIKELY(lock->nested != 0)) {
        lock->nested--;
        return;
    }
    if (HAK_DEBUG)
        held_ranks &= ~(1U << lock->rank);
    hak_store_relaxed(&lock->owner, 0);
    pthread_mutex_unlock(&lock->mutex);
}
