// SPDX-License-Identifier: MIT
// hak_stats_get() and hak_purge(). Nothing is counted on the fast paths: the sums are made by walking the slabs.
#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "front/front_private.h"
#include "os_boundary/os_boundary.h"

static size_t bytes_of(size_t units)
{
    return units << HAK_UNIT_SHIFT;
}

static unsigned pending_blocks(const struct hak_slab *slab)
{
    unsigned count = 0;
    for (unsigned word = 0; word < HAK_SLAB_WORDS; word++)
        count += hak_bits_count(hak_load_relaxed(&slab->remote[word]));
    return count;
}

/* Blocks on stacks and in combining buffers count as the program's here; add_heaps() takes them off. */
static void add_bound_slab(struct hak_stats *stats, const struct hak_slab *slab)
{
    const struct hak_class *of = &hak_i_slab_classes[hak_load_relaxed(&slab->class_index)];
    uint64_t carved = hak_load_relaxed(&slab->carved);
    uint64_t free_count = hak_load_relaxed(&slab->free_count);
    uint64_t pending = pending_blocks(slab);
    uint64_t live = carved - free_count - pending;
    stats->slabs++;
    stats->live_blocks += live;
    stats->live_bytes += live * of->block_bytes;
    stats->remote_bytes += pending * of->block_bytes;
    stats->partial_bytes += (of->block_count - carved + free_count) * of->block_bytes;
    stats->slack_bytes += of->slab_bytes - (uint64_t)of->block_count * of->block_bytes;
}

HAK_STATIC_ASSERT(offsetof(struct hak_large, first_unit) == offsetof(struct hak_slab, start), "told apart by these");

/* Adds what starts at a unit that is held; returns its units. */
static size_t add_span(struct hak_stats *stats, const struct hak_process *process, size_t unit)
{
    uint32_t id = hak_i_registry_id(&process->registry, unit);
    const void *record = hak_i_registry_record(&process->registry, unit);
    if (record == NULL)
        return 1;
    if (id == HAK_ID_LARGE || id == HAK_ID_FREED_LARGE) {
        size_t units = hak_load_relaxed(&((const struct hak_large *)record)->units);
        return units != 0 ? units : 1;
    }
    const struct hak_slab *slab = (const struct hak_slab *)record;
    if (hak_load_relaxed(&slab->start) != hak_i_registry_address(&process->registry, unit))
        return 1; /* another unit's, or a large block's that has just been freed: its first word is no address */
    uint8_t state = hak_load_relaxed(&slab->state);
    if (state == HAK_SLAB_UNUSED)
        return 1;
    size_t span_bytes = hak_load_relaxed(&slab->span_bytes);
    if (state == HAK_SLAB_BOUND)
        add_bound_slab(stats, slab);
    else
        stats->partial_bytes += span_bytes;
    return span_bytes >> HAK_UNIT_SHIFT;
}

static void add_spans(struct hak_stats *stats, const struct hak_process *process)
{
    size_t unit = hak_i_arena_next_held(&process->arena, 0);
    while (unit != HAK_NO_UNIT)
        unit = hak_i_arena_next_held(&process->arena, unit + add_span(stats, process, unit));
}

static void add_stacks(struct hak_stats *stats, const struct hak_heap *heap)
{
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        uint64_t count =
            (uint64_t)(hak_load_relaxed(&heap->hot.bins[i].top) - hak_load_relaxed(&heap->stacks[i].first));
        uint64_t bytes = count * hak_i_slab_classes[i].block_bytes;
        stats->cached_bytes += bytes;
        stats->live_bytes -= bytes;
        stats->live_blocks -= count;
    }
}

static void add_combined(struct hak_stats *stats, const struct hak_heap *heap)
{
    for (unsigned i = 0; i < HAK_COMBINE_ENTRIES; i++) {
        const struct hak_combine_entry *entry = &heap->combine.entries[i];
        uint64_t count = hak_bits_count(hak_load_relaxed(&entry->bits));
        uint64_t bytes = count * hak_i_slab_classes[hak_load_relaxed(&entry->class_index)].block_bytes;
        stats->remote_bytes += bytes;
        stats->live_bytes -= bytes;
        stats->live_blocks -= count;
    }
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
    for (const struct hak_heap *heap = hak_load_acquire(&heaps->all); heap != NULL; heap = heap->next_heap) {
        add_stacks(stats, heap);
        add_combined(stats, heap);
        add_counts(stats, &heap->counts);
    }
    stats->heaps = hak_load_relaxed(&heaps->heap_count);
    stats->idle_heaps = hak_load_relaxed(&heaps->idle_count);
}

static void add_arena(struct hak_stats *stats, struct hak_arena *arena)
{
    hak_i_base_lock(&arena->lock);
    stats->large_bytes = bytes_of(arena->large_asked_units);
    stats->large_blocks = arena->large_blocks;
    stats->live_blocks += stats->large_blocks;
    stats->live_bytes += stats->large_bytes;
    stats->slack_bytes += bytes_of(arena->large_units - arena->large_asked_units);
    stats->clean_bytes = bytes_of(arena->free_units - arena->dirty_units);
    stats->dirty_bytes = bytes_of(arena->dirty_units + arena->cache.units);
    stats->committed_bytes = bytes_of(arena->committed_units);
    stats->huge_bytes = bytes_of(arena->huge_pages * HAK_HUGE_UNITS);
    stats->large_cache_hits = arena->cache.hits;
    stats->large_cache_misses = arena->cache.misses;
    stats->purged_bytes = bytes_of(arena->purged_units);
    stats->repurchased_bytes = bytes_of(arena->repurchased_units);
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
    stats->os_failed_calls = hak_i_os_failed_calls();
}

static struct hak_stats take_snapshot(void)
{
    struct hak_stats stats = {.size = sizeof stats};
    if (!hak_i_front_started())
        return stats;
    add_spans(&stats, &hak_i_process);
    add_heaps(&stats, &hak_i_process.heaps);
    add_arena(&stats, &hak_i_process.arena);
    add_metadata(&stats, &hak_i_process);
    add_system_calls(&stats);
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
                                      .partial_slab_bytes = stats.partial_bytes};
    size_t size = report->size;
    memset(report, 0, size);
    memcpy(report, &filled, size < sizeof filled ? size : sizeof filled);
}

size_t hak_purge(struct hak_purge_report *report_or_null)
{
    size_t returned_bytes = 0;
    if (hak_i_front_started()) {
        struct hak_heap *heap = hak_i_front_heap();
        if (heap != NULL) {
            hak_i_heap_purge(heap);
            hak_i_front_report_findings(heap, "hak_purge");
        }
        hak_i_heaps_purge_idle(&hak_i_process.heaps);
        returned_bytes = hak_i_arena_purge(&hak_i_process.arena);
    }
    if (report_or_null != NULL && report_or_null->size >= sizeof report_or_null->size)
        fill_report(report_or_null, returned_bytes);
    return returned_bytes;
}
