// SPDX-License-Identifier: MIT
// fork(): every lock is held across it, in the order of rank, so no structure is left half changed; in the child the
// heaps of the threads that are gone become idle, but for those that were at work, which are lost.
#include <pthread.h>

#include "front/front_private.h"

enum {
    LOCKS = 5
};

static void locks_in_order(struct hak_lock *locks[LOCKS])
{
    locks[0] = &hak_i_front_start_lock;
    locks[1] = &hak_i_process.heaps.lock;
    locks[2] = &hak_i_process.slabs.lock;
    locks[3] = &hak_i_process.arena.lock;
    locks[4] = &hak_i_process.meta.lock;
}

static void before(void)
{
    struct hak_lock *locks[LOCKS];
    locks_in_order(locks);
    for (int i = 0; i < LOCKS; i++)
        hak_i_base_lock(locks[i]);
}

static void after_in_parent(void)
{
    struct hak_lock *locks[LOCKS];
    locks_in_order(locks);
    for (int i = LOCKS; i-- > 0;)
        hak_i_base_unlock(locks[i]);
}

static void after_in_child(void)
{
    struct hak_lock *locks[LOCKS];
    locks_in_order(locks);
    for (int i = LOCKS; i-- > 0;)
        hak_i_base_lock_reset(locks[i]);
    hak_i_heaps_adopt_orphans(&hak_i_process.heaps, hak_i_front_heap());
}

void hak_i_front_watch_forks(void)
{
    (void)pthread_atfork(before, after_in_parent, after_in_child);
}
