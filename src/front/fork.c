// SPDX-License-Identifier: MIT
// fork(): slow work is stopped and every lock is held across it, so no structure is left half changed. In the child the
// heaps of the threads that are gone become idle. Where the system has no barrier for all threads, work cannot be
// stopped, and those heaps are lost to the child.
#include <pthread.h>

#include "front/front_private.h"
#include "os_boundary/os_boundary.h"

static bool others_are_quiet; /* written before the fork, read in the child */

static bool stop_others(struct hak_heaps *heaps, const struct hak_heap *mine)
{
    if (!hak_i_heaps_has_others(heaps, mine))
        return true;
    hak_i_base_unlock(&heaps->lock);
    bool quiet = hak_i_os_fence_threads();
    if (quiet)
        hak_i_heaps_wait_until_quiet(heaps, mine);
    hak_i_base_lock(&heaps->lock);
    return quiet;
}

static void before(void)
{
    struct hak_process *process = &hak_i_process;
    hak_i_base_lock(&hak_i_front_start_lock);
    hak_i_heaps_close_gate(&process->heaps);
    others_are_quiet = stop_others(&process->heaps, hak_i_front_heap());
    hak_i_base_lock(&process->slabs.lock);
    hak_i_base_lock(&process->arena.lock);
    hak_i_base_lock(&process->meta.lock);
}

static void after_in_parent(void)
{
    struct hak_process *process = &hak_i_process;
    hak_i_base_unlock(&process->meta.lock);
    hak_i_base_unlock(&process->arena.lock);
    hak_i_base_unlock(&process->slabs.lock);
    hak_i_heaps_open_gate(&process->heaps);
    hak_i_base_unlock(&hak_i_front_start_lock);
}

static void after_in_child(void)
{
    struct hak_process *process = &hak_i_process;
    hak_i_base_lock_reset(&process->meta.lock);
    hak_i_base_lock_reset(&process->arena.lock);
    hak_i_base_lock_reset(&process->slabs.lock);
    hak_i_heaps_reset_gate(&process->heaps);
    hak_i_base_lock_reset(&hak_i_front_start_lock);
    if (others_are_quiet)
        hak_i_heaps_adopt_orphans(&process->heaps, hak_i_front_heap());
}

void hak_i_front_watch_forks(void)
{
    (void)pthread_atfork(before, after_in_parent, after_in_child);
}
