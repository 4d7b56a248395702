// SPDX-License-Identifier: MIT
// hak_stats_get() and hak_purge(). Nothing is counted on the fast paths: the sums are made by walking the slabs.
#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "front/census.h"
#include "os_boundary/os_boundary.h"

static size_t bytes_of(size_t units)
{
    return units << HAK_UNIT_SHIFT;
}

/* A slab takes whole pages, which may be larger. */
static size_t held_bytes(const struct hak_class *of)
{
    return hak_round_up(of->slab_bytes, hak_i_os_page_bytes());
}

/* The parts that lie in slabs. */
static void add_classes(struct hak_stats *stats, const struct hak_census *census)
{
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        const struct hak_class *of = &hak_i_slab_classes[i];
        const struct hak_class_count *count = &census->classes[i];
        stats->slabs += count->slabs;
        stats->live_blocks += count->live_blocks;
        stats->live_bytes += count->live_blocks * of->block_bytes;
        stats->cached_bytes += count->stack_blocks * of->block_bytes;
        stats->remote_bytes += count->pending_blocks * of->block_bytes;
        stats->partial_bytes += (count->free_blocks + count->unused_blocks) * of->block_bytes;
        stats->slack_bytes += count->slabs * (held_bytes(of) - (uint64_t)of->block_count * of->block_bytes);
        stats->round_up_bytes += hak_i_front_round_up_bytes(&count->sample, count->live_blocks * of->block_bytes);
    }
    stats->partial_bytes += census->empty_slab_bytes;
}

static void add_counts(struct hak_stats *stats, const struct hak_heap_counts *counts)
{
    stats->heap_claims += hak_load_relaxed(&counts->claims);
    stats->refills += hak_load_relaxed(&counts->refills);
    stats->flushes += hak_load_relaxed(&counts->flushes);
    stats->remote_publications += hak_load_relaxed(&counts->publications);
    stats->remote_frees += hak_load_relaxed(&counts->remote_frees);
    stats->handovers += hak_load_relaxed(&counts->handovers);
}

static void add_heaps(struct hak_stats *stats, const struct hak_heaps *heaps)
{
    /* acquire: a heap on the list is set up */
    for (const struct hak_heap *heap = hak_load_acquire(&heaps->all); heap != NULL; heap = heap->next_heap)
        add_counts(stats, &heap->counts);
    stats->heaps = hak_load_relaxed(&heaps->heap_count);
    stats->idle_heaps = hak_load_relaxed(&heaps->idle_count);
}

static void add_arena(struct hak_stats *stats, struct hak_arena *arena)
{
    hak_i_base_lock(&arena->lock);
    struct hak_heap_sample sample = {.asked_bytes = arena->sampled_asked_bytes,
                                     .given_bytes = arena->sampled_given_bytes};
    stats->large_bytes = bytes_of(arena->large_asked_units);
    stats->large_blocks = arena->large_blocks;
    stats->round_up_bytes += hak_i_front_round_up_bytes(&sample, stats->large_bytes);
    stats->live_blocks += stats->large_blocks;
    stats->live_bytes += stats->large_bytes;
    stats->slack_bytes += bytes_of(arena->large_units - arena->large_asked_units);
    stats->clean_bytes = bytes_of(arena->free_units - arena->dirty_units);
    stats->dirty_bytes = bytes_of(arena->dirty_units + arena->cache.units);
    stats->partial_dirty_bytes = hak_load_relaxed(&arena->hole_bytes);
    stats->committed_bytes = bytes_of(arena->committed_units);
    stats->huge_bytes = bytes_of(arena->huge_pages * HAK_HUGE_UNITS);
    stats->large_cache_hits = arena->cache.hits;
    stats->large_cache_misses = arena->cache.misses;
    stats->purged_bytes = arena->purged_bytes;
    stats->repurchased_bytes = bytes_of(arena->repurchased_units);
    stats->page_faults_saved = bytes_of(arena->reused_units + arena->cache.reused_units) / hak_i_os_page_bytes();
    hak_i_base_unlock(&arena->lock);
}

static void add_metadata(struct hak_stats *stats, const struct hak_process *process)
{
    stats->metadata_bytes =
        hak_load_relaxed(&process->meta.committed_bytes) + hak_load_relaxed(&process->registry.committed_bytes);
    stats->committed_bytes += stats->metadata_bytes;
    stats->reserved_bytes = process->registry.reserved_bytes + hak_load_relaxed(&process->meta.reserved_bytes);
}

static void add_system_calls(struct hak_stats *stats)
{
    stats->os_reserve_calls = hak_i_os_calls(HAK_OS_RESERVE);
    stats->os_commit_calls = hak_i_os_calls(HAK_OS_COMMIT);
    stats->os_purge_calls = hak_i_os_calls(HAK_OS_PURGE);
    stats->os_release_calls = hak_i_os_calls(HAK_OS_RELEASE);
    stats->os_remap_calls = hak_i_os_calls(HAK_OS_REMAP);
    stats->os_advise_calls = hak_i_os_calls(HAK_OS_ADVISE);
    stats->os_name_calls = hak_i_os_calls(HAK_OS_NAME);
    stats->os_failed_calls = hak_i_os_failed_calls();
}

void hak_i_front_snapshot(struct hak_stats *stats, struct hak_census *census)
{
    *stats = (struct hak_stats){.size = sizeof *stats};
    *census = (struct hak_census){0};
    if (!hak_i_front_started())
        return;
    hak_i_front_census(census, &hak_i_process);
    add_classes(stats, census);
    add_heaps(stats, &hak_i_process.heaps);
    add_arena(stats, &hak_i_process.arena);
    add_metadata(stats, &hak_i_process);
    add_system_calls(stats);
    hak_i_front_budget_add(stats);
}

static struct hak_stats take_snapshot(void)
{
    struct hak_stats stats;
    struct hak_census census;
    hak_i_front_snapshot(&stats, &census);
    return stats;
}

int hak_stats_get(struct hak_stats *snapshot)
{
    size_t size = snapshot->size;
    if (size < sizeof snapshot->size + sizeof(uint64_t))
        return EINVAL;
    struct hak_stats stats = take_snapshot();
    stats.size = size;
    memset(snapshot, 0, size);
    memcpy(snapshot, &stats, size < sizeof stats ? size : sizeof stats);
    return 0;
}

static void fill_report(struct hak_purge_report *report, size_t returned_bytes)
{
    struct hak_stats stats = take_snapshot();
    struct hak_purge_report filled = {.size = report->size,
                                      .returned_bytes = returned_bytes,
                                      .other_heaps_bytes = stats.cached_bytes + stats.remote_bytes,
                                      .partial_slab_bytes = stats.partial_bytes,
                                      .pending_bytes = stats.remote_bytes};
    size_t size = report->size;
    memset(report, 0, size);
    memcpy(report, &filled, size < sizeof filled ? size : sizeof filled);
}

size_t hak_i_front_empty_heaps(const char *function)
{
    size_t returned_bytes = 0;
    struct hak_heap *heap = hak_i_front_borrow();
    if (heap != NULL) {
        returned_bytes = hak_i_heap_purge(heap);
        hak_i_front_report_findings(heap, function);
        hak_i_front_return(heap);
    }
    return returned_bytes + hak_i_heaps_purge_idle(&hak_i_process.heaps);
}

size_t hak_purge(struct hak_purge_report *report_or_null)
{
    size_t returned_bytes = 0;
    if (hak_i_front_started()) {
        returned_bytes = hak_i_front_empty_heaps("hak_purge");
        struct hak_heap *mine = hak_i_front_begin_work();
        returned_bytes += hak_i_arena_purge(&hak_i_process.arena);
        hak_i_front_end_work(mine);
    }
    if (report_or_null != NULL && report_or_null->size >= sizeof report_or_null->size)
        fill_report(report_or_null, returned_bytes);
    return returned_bytes;
}
