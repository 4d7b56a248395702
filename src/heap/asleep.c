// SPDX-License-Identifier: MIT
// Heaps whose threads do nothing, as one that waits for those it gave its blocks to: who frees these has the slabs, and
// hak_purge() reaches what lies there.
#include "heap/heap_private.h"
#include "os_boundary/os_boundary.h"

/*
 * A visit is worth it after so much was sent there, a slab's; and a quarter of it at a thread's end. It costs a barrier
 * on all processors, 12 µs on the machine of docs/benchmark/; the pages of a fresh slab cost about as much.
 */
#define SENT_BYTES_MIN (64 * HAK_KIB)

/* Holes of others are looked at once in that time. */
#define LOOK_MS 10

/* Slabs that are collected in a visit, during which the heap's thread may have to wait; the rest is for the next. */
#define COLLECTED_SLABS_MAX 64

/* Slabs that a visitor takes of the class that it needs. */
#define TAKEN_SLABS_MAX 4

/* Whether the thread that holds it has taken no slow path since someone last asked. Hints, all of them. */
static bool is_asleep(struct hak_heap *heap)
{
    uint64_t calls = hak_load_relaxed(&heap->counts.refills) + hak_load_relaxed(&heap->counts.flushes);
    bool asleep = calls == hak_load_relaxed(&heap->calls_seen);
    hak_store_relaxed(&heap->calls_seen, calls);
    return asleep;
}

/* Begins a visit to the heap that blocks were sent to, if it is worth it; or NULL. */
static struct hak_heap *visit_sleeper(struct hak_heap *heap, size_t worth_bytes)
{
    if (HAK_LIKELY(heap->sent_bytes < worth_bytes))
        return NULL;
    struct hak_heap *sleeper = heap->sent_to;
    heap->sent_to = NULL;
    heap->sent_bytes = 0;
    bool visits = sleeper != NULL && sleeper != heap && is_asleep(sleeper) && hak_i_heap_begin_visit(sleeper, heap);
    return visits ? sleeper : NULL;
}

static void collect(struct hak_heap *sleeper)
{
    for (int i = 0; i < COLLECTED_SLABS_MAX && hak_i_heap_drain_next(sleeper); i++)
        continue;
}

/* What was visited keeps nothing that is empty, for nobody can reach it while its thread sleeps. */
static void leave(struct hak_heap *visited)
{
    hak_i_heap_release_empties(visited);
    hak_i_holes_settle_own(visited);
    hak_i_heap_end_visit(visited);
}

/* Its thread may have blocks of these slabs at hand; they are another heap's blocks there from now on. */
static void take_slabs(struct hak_heap *heap, struct hak_heap *from, unsigned class_index)
{
    from->parted = true;
    (void)hak_i_heap_take_from(heap, from, class_index, TAKEN_SLABS_MAX);
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++)
        if (heap->stacks[i].used && heap->stacks[i].rooms == NULL && from->stacks[i].rooms != NULL)
            (void)hak_i_heap_take_from(heap, from, i, 1);
}

bool hak_i_heap_take_from_sleeper(struct hak_heap *heap, unsigned class_index)
{
    struct hak_heap *sleeper = visit_sleeper(heap, SENT_BYTES_MIN);
    if (HAK_LIKELY(sleeper == NULL))
        return false;
    collect(sleeper);
    take_slabs(heap, sleeper, class_index);
    leave(sleeper);
    return heap->stacks[class_index].rooms != NULL;
}

void hak_i_heap_tend_sleeper(struct hak_heap *heap)
{
    struct hak_heap *sleeper = visit_sleeper(heap, SENT_BYTES_MIN / 4);
    if (HAK_LIKELY(sleeper == NULL))
        return;
    collect(sleeper);
    leave(sleeper);
}

/* Where the bound falls while their threads sleep; who is awake gives its own back with the next slow call. */
bool hak_i_heaps_others_are_due(struct hak_heaps *heaps)
{
    return hak_i_os_now_ms() >= hak_load_relaxed(&heaps->others_due_ms);
}

static size_t give_back_holes(struct hak_heap *heap, struct hak_heap *other, size_t bytes)
{
    if (hak_load_relaxed(&other->hole_bytes) == 0 || !hak_i_heap_begin_visit(other, heap))
        return 0;
    size_t returned = hak_i_holes_give_back(other, bytes);
    hak_i_heap_end_visit(other);
    return returned;
}

size_t hak_i_heaps_give_back_others_holes(struct hak_heap *heap, size_t bytes)
{
    struct hak_heaps *heaps = heap->heaps;
    size_t returned = 0;
    if (!hak_i_heaps_others_are_due(heaps))
        return 0;
    hak_store_relaxed(&heaps->others_due_ms, hak_i_os_now_ms() + LOOK_MS);
    /* acquire: a heap on the list is set up */
    struct hak_heap *other = hak_load_acquire(&heaps->all);
    for (; other != NULL && returned < bytes; other = other->next_heap)
        if (other != heap)
            returned += give_back_holes(heap, other, bytes - returned);
    return returned;
}

static size_t purge(struct hak_heap *heap, struct hak_heap *other)
{
    if (!hak_i_heap_begin_visit(other, heap))
        return 0;
    hak_i_heap_drain_all(other);
    size_t returned_bytes = hak_i_holes_purge(other);
    leave(other);
    return returned_bytes;
}

size_t hak_i_heaps_purge_held(struct hak_heap *heap)
{
    size_t returned_bytes = 0;
    /* acquire: a heap on the list is set up */
    for (struct hak_heap *other = hak_load_acquire(&heap->heaps->all); other != NULL; other = other->next_heap)
        if (other != heap && !hak_i_heap_is_idle(other))
            returned_bytes += purge(heap, other);
    return returned_bytes;
}
