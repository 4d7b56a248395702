// SPDX-License-Identifier: MIT
// The start, once per process and at the first need; and the look for double frees at its end.
#include <unistd.h>

#include "base/atomic.h"
#include "base/option.h"
#include "front/front_private.h"
#include "os_boundary/os_boundary.h"

struct hak_process hak_i_process;
struct hak_lock hak_i_front_start_lock = HAK_LOCK_INITIALIZER(HAK_RANK_START);

static bool started HAK_LOADED;

bool hak_i_front_started(void)
{
    /* acquire: pairs with the release in start_locked() */
    return hak_load_acquire(&started);
}

/* A privileged process does not listen to its environment. */
static void read_options(void)
{
    hak_i_base_options_read(hak_i_os_is_privileged() ? NULL : environ);
    hak_i_base_options_seal();
}

static bool build(struct hak_process *process)
{
    if (process->registry.units == 0) {
        read_options();
        if (!hak_i_registry_init(&process->registry))
            return false;
        hak_i_meta_init(&process->meta, !process->registry.reserved);
    }
    if (!hak_i_arena_init(&process->arena, &process->registry, &process->meta))
        return false;
    hak_i_front_budget_start();
    process->check_full = hak_i_base_options.check == HAK_CHECK_FULL;
    hak_i_slab_init(&process->slabs, &process->arena);
    hak_i_heaps_init(&process->heaps, &process->slabs, process->check_full);
    return true;
}

static bool start_locked(void)
{
    if (started)
        return true;
    if (!build(&hak_i_process))
        return false;
    hak_i_front_thread_start();
    hak_store_release(&started, true);
    return true;
}

bool hak_i_front_start(void)
{
    if (hak_i_front_started())
        return true;
    hak_i_base_lock(&hak_i_front_start_lock);
    bool done = start_locked();
    hak_i_base_unlock(&hak_i_front_start_lock);
    if (done) {                    /* with no lock held, for each of these may allocate */
        hak_i_front_watch_forks(); /* here if constructors that ran earlier allocate */
        hak_i_front_prepare_page();
    }
    return done;
}

/* A thread may fork while another makes the first allocation; and later the question would take milliseconds. */
__attribute__((constructor(101))) static void prepare_for_threads(void)
{
    hak_i_front_watch_forks();
    (void)hak_i_os_can_fence_threads();
}

static void *find_double(void)
{
    struct hak_heap *heap = hak_i_front_heap();
    void *block = heap == NULL || heap->busy ? NULL : hak_i_heap_find_double(heap);
    if (block == NULL)
        block = hak_i_heaps_find_double_passed(&hak_i_process.heaps);
    return block != NULL ? block : hak_i_heaps_find_double_idle(&hak_i_process.heaps);
}

static void look_for_doubles(void)
{
    void *block = find_double();
    if (block == NULL)
        return;
    struct hak_look look = hak_i_front_look(block);
    hak_i_front_misuse(HAK_ERROR_DOUBLE_FREE, block, &look, "exit");
}

__attribute__((destructor)) static void at_process_end(void)
{
    if (!hak_i_front_started())
        return;
    hak_i_front_explain_at_exit(); /* first, for the other may abort */
    look_for_doubles();
}
