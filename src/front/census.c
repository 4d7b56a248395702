// SPDX-License-Identifier: MIT
#include "front/census.h"

#include "base/atomic.h"

/* ----------------------------------------------------------------------------------------------------- spans ---- */

HAK_STATIC_ASSERT(offsetof(struct hak_large, first_unit) == offsetof(struct hak_slab, start), "told apart by these");

static struct hak_held_span large_span(size_t unit, uint32_t id, const struct hak_large *large)
{
    size_t units = hak_load_relaxed(&large->units);
    return (struct hak_held_span){
        .kind = id == HAK_ID_LARGE ? HAK_SPAN_LARGE : HAK_SPAN_OTHER, .unit = unit, .units = units != 0 ? units : 1};
}

/* What starts at a unit that is held. */
static struct hak_held_span span_at(const struct hak_process *process, size_t unit)
{
    const struct hak_held_span nothing = {.kind = HAK_SPAN_OTHER, .unit = unit, .units = 1};
    uint32_t id = hak_i_registry_id(&process->registry, unit);
    const void *record = hak_i_registry_record(&process->registry, unit);
    if (record == NULL)
        return nothing;
    if (id == HAK_ID_LARGE || id == HAK_ID_FREED_LARGE)
        return large_span(unit, id, (const struct hak_large *)record);
    const struct hak_slab *slab = (const struct hak_slab *)record;
    if (hak_load_relaxed(&slab->start) != hak_i_registry_address(&process->registry, unit))
        return nothing; /* another unit's, or a large block's that has just been freed: its first word is no address */
    uint8_t state = hak_load_relaxed(&slab->state);
    if (state == HAK_SLAB_UNUSED)
        return nothing;
    return (struct hak_held_span){.kind = state == HAK_SLAB_BOUND ? HAK_SPAN_SLAB : HAK_SPAN_EMPTY_SLAB,
                                  .unit = unit,
                                  .units = hak_load_relaxed(&slab->span_bytes) >> HAK_UNIT_SHIFT,
                                  .slab = slab};
}

bool hak_i_front_next_span(const struct hak_process *process, size_t unit, struct hak_held_span *span)
{
    unit = hak_i_arena_next_held(&process->arena, unit);
    if (unit != HAK_NO_UNIT)
        *span = span_at(process, unit);
    return unit != HAK_NO_UNIT;
}

/* ---------------------------------------------------------------------------------------------------- counts ---- */

static unsigned pending_blocks(const struct hak_slab *slab)
{
    unsigned count = 0;
    for (unsigned word = 0; word < HAK_SLAB_WORDS; word++)
        count += hak_bits_count(hak_load_relaxed(&slab->remote[word]));
    return count;
}

struct hak_class_count hak_i_front_count_slab(const struct hak_slab *slab)
{
    const struct hak_class *of = &hak_i_slab_classes[hak_load_relaxed(&slab->class_index)];
    uint64_t carved = hak_load_relaxed(&slab->carved);
    struct hak_class_count count = {.slabs = 1,
                                    .pending_blocks = pending_blocks(slab),
                                    .free_blocks = hak_load_relaxed(&slab->free_count),
                                    .unused_blocks = of->block_count - carved};
    count.live_blocks = carved - count.free_blocks - count.pending_blocks;
    count.kept_blocks = count.live_blocks + count.pending_blocks == 0 ? count.free_blocks : 0;
    return count;
}

static void add_slab(struct hak_census *census, const struct hak_slab *slab)
{
    struct hak_class_count *class_count = &census->classes[hak_load_relaxed(&slab->class_index)];
    struct hak_class_count count = hak_i_front_count_slab(slab);
    class_count->slabs += count.slabs;
    class_count->live_blocks += count.live_blocks;
    class_count->pending_blocks += count.pending_blocks;
    class_count->free_blocks += count.free_blocks;
    class_count->kept_blocks += count.kept_blocks;
    class_count->unused_blocks += count.unused_blocks;
    if (count.kept_blocks != 0)
        census->kept_slab_bytes += hak_load_relaxed(&slab->span_bytes);
}

static void add_spans(struct hak_census *census, const struct hak_process *process)
{
    struct hak_held_span span;
    for (size_t unit = 0; hak_i_front_next_span(process, unit, &span); unit = span.unit + span.units) {
        if (span.kind == HAK_SPAN_SLAB)
            add_slab(census, span.slab);
        else if (span.kind == HAK_SPAN_EMPTY_SLAB)
            census->empty_slab_bytes += (uint64_t)span.units << HAK_UNIT_SHIFT;
    }
}

static void add_stacks(struct hak_census *census, const struct hak_heap *heap)
{
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        uint64_t count =
            (uint64_t)(hak_load_relaxed(&heap->hot.bins[i].top) - hak_load_relaxed(&heap->stacks[i].first));
        census->classes[i].stack_blocks += count;
        census->classes[i].live_blocks -= count;
        census->classes[i].sample.asked_bytes += hak_load_relaxed(&heap->samples[i].asked_bytes);
        census->classes[i].sample.given_bytes += hak_load_relaxed(&heap->samples[i].given_bytes);
    }
}

static void add_entry(struct hak_census *census, const struct hak_combine_entry *entry)
{
    uint64_t count = hak_bits_count(hak_load_relaxed(&entry->bits));
    struct hak_class_count *class_count = &census->classes[hak_load_relaxed(&entry->class_index)];
    class_count->pending_blocks += count;
    class_count->live_blocks -= count;
}

static void add_combined(struct hak_census *census, const struct hak_heap *heap)
{
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++)
        add_entry(census, &heap->combine.current[i]);
    for (unsigned i = 0; i < HAK_COMBINE_WAITING; i++)
        add_entry(census, &heap->combine.waiting[i]);
}

static void add_depots(struct hak_census *census, const struct hak_heaps *heaps)
{
    for (unsigned i = 0; i < HAK_POOL_CLASS_COUNT; i++) {
        uint64_t count = hak_load_relaxed(&heaps->depots[i].count);
        census->classes[HAK_TINY_CLASS_COUNT + i].stack_blocks += count;
        census->classes[HAK_TINY_CLASS_COUNT + i].live_blocks -= count;
    }
}

void hak_i_front_census(struct hak_census *census, const struct hak_process *process)
{
    add_spans(census, process);
    /* acquire: a heap on the list is set up */
    for (const struct hak_heap *heap = hak_load_acquire(&process->heaps.all); heap != NULL; heap = heap->next_heap) {
        add_stacks(census, heap);
        add_combined(census, heap);
    }
    add_depots(census, &process->heaps);
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++)
        census->classes[i].live_blocks = hak_i_census_at_least_0(census->classes[i].live_blocks);
}

uint64_t hak_i_front_round_up_bytes(const struct hak_heap_sample *sample, uint64_t live_bytes)
{
    if (sample->given_bytes <= sample->asked_bytes)
        return 0;
    return (uint64_t)((unsigned __int128)hak_i_census_at_least_0(live_bytes) *
                      (sample->given_bytes - sample->asked_bytes) / sample->given_bytes);
}
