// SPDX-License-Identifier: MIT
// fork(): slow work is stopped and every lock is held across it, so no structure is left half changed. In the child the
// heaps of the threads that are gone become idle. Where the system has no barrier for all threads, work cannot be
// stopped, and those heaps are lost to the child.
#include <pthread.h>

#include "base/atomic.h"
#include "front/front_private.h"
#include "os_boundary/os_boundary.h"

/* Written before the fork, read after it: guarded by the lock of the start. A handler of others may fork, too. */
static unsigned depth;
static bool work_is_stopped;
static bool others_are_quiet;

static bool stop_others(struct hak_heaps *heaps, const struct hak_heap *mine)
{
    bool alone = !hak_i_heaps_has_others(heaps, mine);
    hak_i_base_unlock(&heaps->lock);
    bool quiet = alone || hak_i_os_fence_threads();
    if (quiet && !alone)
        hak_i_heaps_wait_until_quiet(heaps, mine);
    hak_i_base_lock(&heaps->visits); /* who waited for a visit may hold it for a moment */
    hak_i_base_lock(&heaps->lock);
    return quiet;
}

static void stop_work(struct hak_process *process)
{
    hak_i_heaps_close_gate(&process->heaps);
    others_are_quiet = stop_others(&process->heaps, hak_i_front_heap());
    hak_i_base_lock(&process->slabs.lock);
    hak_i_base_lock(&process->arena.lock);
    hak_i_base_lock(&process->meta.lock);
}

static void go_on(struct hak_process *process)
{
    hak_i_base_unlock(&process->meta.lock);
    hak_i_base_unlock(&process->arena.lock);
    hak_i_base_unlock(&process->slabs.lock);
    hak_i_heaps_open_gate(&process->heaps);
}

/* Handlers of others that run meanwhile must not be the first to use hakmem. */
static void before(void)
{
    (void)hak_i_front_start();
    hak_i_base_lock(&hak_i_front_start_lock);
    if (depth++ != 0)
        return;
    work_is_stopped = hak_i_front_started();
    if (work_is_stopped)
        stop_work(&hak_i_process);
    hak_i_base_lock_fork_begins();
}

static void after_in_parent(void)
{
    if (--depth == 0) {
        hak_i_base_lock_fork_ends();
        if (work_is_stopped)
            go_on(&hak_i_process);
    }
    hak_i_base_unlock(&hak_i_front_start_lock);
}

/* The child's only thread is the one that took the locks. Threads that it has later find the heaps adopted. */
static void after_in_child(void)
{
    hak_i_front_budget_after_fork(others_are_quiet);
    if (work_is_stopped) {
        hak_i_heaps_forget_heapless(&hak_i_process.heaps);
        if (others_are_quiet)
            hak_i_heaps_adopt_orphans(&hak_i_process.heaps, hak_i_front_heap());
    }
    after_in_parent();
}

void hak_i_front_watch_forks(void)
{
    static bool watched HAK_LOADED;
    /* relaxed: the first call comes from a constructor, before there are threads */
    if (!hak_exchange_relaxed(&watched, true))
        (void)pthread_atfork(before, after_in_parent, after_in_child);
}
