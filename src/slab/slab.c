// SPDX-License-Identifier: MIT
#include "slab/slab.h"

#include <string.h>

#include "base/check.h"

/* So that blocks at multiples of 4 GiB, whose squares are 0, count. */
#define SUM_FACTOR UINT64_C(0x9E3779B97F4A7C15)

void hak_i_slab_init(struct hak_slabs *slabs, struct hak_arena *arena)
{
    *slabs = (struct hak_slabs){.arena = arena};
    hak_i_base_lock_init(&slabs->lock, HAK_RANK_RECORDS);
}

/* Up to `count` records; how many. */
static size_t new_records(struct hak_slabs *slabs, struct hak_slab **out, size_t count)
{
    size_t got = 0;
    hak_i_base_lock(&slabs->lock);
    for (; got < count && slabs->unused != NULL; slabs->unused = slabs->unused->next)
        out[got++] = slabs->unused;
    hak_i_base_unlock(&slabs->lock);
    while (got < count && (out[got] = (struct hak_slab *)hak_i_meta_carve(slabs->arena->meta, sizeof **out)) != NULL)
        got++;
    return got;
}

/* They are marked as unused; the first is taken next. */
static void retire_records(struct hak_slabs *slabs, struct hak_slab *const *records, size_t count)
{
    if (count == 0)
        return;
    hak_i_base_lock(&slabs->lock);
    while (count != 0) {
        struct hak_slab *slab = records[--count];
        slab->next = slabs->unused;
        slabs->unused = slab;
    }
    hak_i_base_unlock(&slabs->lock);
}

static size_t first_unit(const struct hak_slabs *slabs, const struct hak_slab *slab)
{
    return hak_i_registry_unit(slabs->arena->registry, slab->start);
}

/* Spans of a power of two are aligned to it; the others hold blocks that start at units. */
static size_t alignment_units(size_t units)
{
    return hak_is_power_of_two(units) ? units : 1;
}

static void set_records(struct hak_slabs *slabs, size_t first, size_t units, struct hak_slab *slab)
{
    for (size_t unit = first; unit < first + units; unit++)
        hak_i_registry_set_record(slabs->arena->registry, unit, slab);
}

static void set_up(struct hak_slabs *slabs, struct hak_slab *slab, size_t first, size_t units, bool clean)
{
    hak_store_relaxed(&slab->start, hak_i_registry_address(slabs->arena->registry, first));
    hak_store_relaxed(&slab->carved, 0);
    hak_store_relaxed(&slab->span_bytes, units << HAK_UNIT_SHIFT);
    slab->clean = clean;
    slab->retained = false;
    set_records(slabs, first, units, slab);
    hak_store_relaxed(&slab->state, HAK_SLAB_EMPTY);
}

size_t hak_i_slab_acquire_row(struct hak_slabs *slabs, size_t bytes, struct hak_slab **out, size_t count)
{
    size_t units = bytes >> HAK_UNIT_SHIFT;
    size_t records = new_records(slabs, out, count), spans = records;
    bool clean;
    size_t first = HAK_NO_UNIT;
    if (records != 0)
        first = hak_i_arena_acquire_row(slabs->arena, units, alignment_units(units), &spans, &clean);
    if (first == HAK_NO_UNIT)
        spans = 0;
    for (size_t i = 0; i < spans; i++)
        set_up(slabs, out[i], first + i * units, units, clean);
    retire_records(slabs, out + spans, records - spans);
    return spans;
}

/* The end that is too short for a block counts with the last, so that what was written lies side by side. */
static size_t written_bytes(const struct hak_slab *slab)
{
    const struct hak_class *of = hak_i_slab_class(slab);
    bool in_part = slab->clean && slab->carved < of->block_count;
    return in_part ? (size_t)slab->carved * of->block_bytes : slab->span_bytes;
}

/* Units side by side; those that were written come first. */
struct row {
    size_t first;
    size_t units;
    size_t written_units;
};

static struct row row_of(const struct hak_slabs *slabs, const struct hak_slab *slab)
{
    return (struct row){first_unit(slabs, slab), slab->span_bytes >> HAK_UNIT_SHIFT,
                        (written_bytes(slab) + HAK_UNIT_BYTES - 1) >> HAK_UNIT_SHIFT};
}

/* False: it does not go on with the other. */
static bool join(struct row *row, struct row next)
{
    if (row->first + row->units != next.first || row->written_units != row->units)
        return false;
    row->units += next.units;
    row->written_units += next.written_units;
    return true;
}

void hak_i_slab_release_row(struct hak_slabs *slabs, struct hak_slab *const *row, size_t count)
{
    struct row joined = {0};
    for (size_t i = 0; i < count; i++) {
        struct row next = row_of(slabs, row[i]);
        hak_store_relaxed(&row[i]->state, HAK_SLAB_UNUSED);
        if (join(&joined, next))
            continue;
        if (joined.units != 0)
            hak_i_arena_release(slabs->arena, joined.first, joined.units, joined.written_units);
        joined = next;
    }
    hak_i_arena_release(slabs->arena, joined.first, joined.units, joined.written_units);
    retire_records(slabs, row, count);
}

void hak_i_slab_release(struct hak_slabs *slabs, struct hak_slab *slab)
{
    hak_i_slab_release_row(slabs, &slab, 1);
}

/* From HAK_UNIT_BLOCK_BYTES on only the units that start a block carry the ID. */
static void set_ids(struct hak_slabs *slabs, const struct hak_slab *slab, uint32_t id)
{
    size_t block_units = hak_i_slab_class(slab)->block_bytes >> HAK_UNIT_SHIFT;
    size_t step = block_units < HAK_UNIT_BLOCK_BYTES / HAK_UNIT_BYTES ? 1 : block_units;
    size_t first = first_unit(slabs, slab);
    size_t end = first + (slab->span_bytes >> HAK_UNIT_SHIFT);
    for (size_t unit = first; unit < end; unit++)
        hak_i_registry_set_id(slabs->arena->registry, unit, (unit - first) % step == 0 ? id : HAK_ID_NOTHING);
}

void hak_i_slab_bind(struct hak_slabs *slabs, struct hak_slab *slab, unsigned class_index, struct hak_inbox *owner,
                     uint32_t id_base)
{
    HAK_ASSERT(slab->state == HAK_SLAB_EMPTY && slab->span_bytes == hak_i_slab_classes[class_index].slab_bytes);
    /* what an earlier class carved was written */
    slab->clean = slab->clean && slab->carved == 0;
    hak_store_relaxed(&slab->class_index, (uint8_t)class_index);
    hak_store_relaxed(&slab->carved, 0);
    hak_store_relaxed(&slab->free_count, 0);
    slab->listed = false;
    slab->purged = 0;
    memset(slab->local, 0, sizeof slab->local);
    hak_i_slab_hand_over(slabs, slab, owner, id_base);
    hak_store_relaxed(&slab->state, HAK_SLAB_BOUND);
}

void hak_i_slab_hand_over(struct hak_slabs *slabs, struct hak_slab *slab, struct hak_inbox *owner, uint32_t id_base)
{
    /* release: a freer that reads the new owner pushes to an inbox that is set up */
    hak_store_release(&slab->owner, owner);
    slab->out_sum = 0;
    set_ids(slabs, slab, id_base | (uint32_t)slab->class_index * 32);
}

void hak_i_slab_unbind(struct hak_slabs *slabs, struct hak_slab *slab)
{
    HAK_ASSERT(hak_i_slab_is_empty(slab) && !slab->listed);
    set_ids(slabs, slab, HAK_ID_NOTHING);
    hak_store_relaxed(&slab->state, HAK_SLAB_EMPTY);
}

/* Blocks that lie side by side. */
static void put_run(void **end, char *first, size_t block_bytes, unsigned count)
{
    void **last = end - count;
    for (; end - last >= 4; end -= 4, first += 4 * block_bytes) {
        end[-1] = first;
        end[-2] = first + block_bytes;
        end[-3] = first + 2 * block_bytes;
        end[-4] = first + 3 * block_bytes;
    }
    for (; end != last; first += block_bytes)
        *--end = first;
}

static bool is_one_run(uint64_t bits)
{
    return (bits & (bits + (bits & (0 - bits)))) == 0;
}

/* Up to `count` of the blocks that the bits of a word stand for, the first of which is at `start`; how many. */
static unsigned take_word(uint64_t *word, char *start, size_t block_bytes, unsigned count, void **end)
{
    uint64_t bits = *word;
    unsigned taken = 0;
    if (bits != 0 && is_one_run(bits)) {
        unsigned first = hak_bits_lowest(bits), length = hak_bits_highest(bits) - first + 1;
        taken = length < count ? length : count;
        put_run(end, start + first * block_bytes, block_bytes, taken);
        bits &= ~hak_bits_range(first, taken);
    } else {
        for (; bits != 0 && taken < count; bits &= bits - 1, taken++)
            *--end = start + hak_bits_lowest(bits) * block_bytes;
    }
    *word = bits;
    return taken;
}

static unsigned take_freed(struct hak_slab *slab, unsigned count, void **end)
{
    unsigned wanted = count < slab->free_count ? count : slab->free_count;
    unsigned taken = 0;
    size_t block_bytes = hak_i_slab_class(slab)->block_bytes;
    char *start = (char *)slab->start;
    for (unsigned word = 0; taken < wanted; word++, start += 64 * block_bytes)
        taken += take_word(&slab->local[word], start, block_bytes, wanted - taken, end - taken);
    hak_store_relaxed(&slab->free_count, (uint16_t)(slab->free_count - taken));
    return taken;
}

static unsigned carve(struct hak_slab *slab, unsigned count, void **end)
{
    const struct hak_class *of = hak_i_slab_class(slab);
    unsigned left = (unsigned)of->block_count - slab->carved;
    unsigned taken = count < left ? count : left;
    put_run(end, (char *)hak_i_slab_block(slab, slab->carved), of->block_bytes, taken);
    hak_store_relaxed(&slab->carved, (uint16_t)(slab->carved + taken));
    return taken;
}

unsigned hak_i_slab_take(struct hak_slab *slab, unsigned count, void **end)
{
    unsigned taken = slab->free_count != 0 ? take_freed(slab, count, end) : 0;
    return taken + carve(slab, count - taken, end - taken);
}

void *hak_i_slab_take_clean(struct hak_slab *slab)
{
    void *block = NULL;
    if (slab->clean)
        carve(slab, 1, &block + 1);
    return block;
}

/* The bits of `word` that stand for blocks below the carve mark. */
static uint64_t carved_bits(const struct hak_slab *slab, unsigned word)
{
    unsigned below = word * 64;
    if (slab->carved <= below)
        return 0;
    unsigned count = slab->carved - below;
    return count >= 64 ? ~(uint64_t)0 : hak_bits_range(0, count);
}

void *hak_i_slab_find_double(const struct hak_slab *slab)
{
    for (unsigned word = 0; slab->state == HAK_SLAB_BOUND && word < HAK_SLAB_WORDS; word++) {
        uint64_t pending = hak_load_relaxed(&slab->remote[word]);
        uint64_t wrong = pending & (slab->local[word] | ~carved_bits(slab, word));
        if (wrong != 0)
            return hak_i_slab_block(slab, word * 64 + hak_bits_lowest(wrong));
    }
    return NULL;
}

/*
 * A copy of the local bitmap takes the blocks up, so a block met before looks like one that is free. The quotient is
 * taken whole, for then it is beyond `carved` for every address that is not in the slab.
 */
bool hak_i_slab_are_out(const struct hak_slab *slab, void *const *blocks, unsigned count)
{
    uint64_t inverse = hak_i_slab_class(slab)->inverse;
    uintptr_t start = slab->start;
    uint64_t carved = slab->carved;
    uint64_t met[HAK_SLAB_WORDS];
    memcpy(met, slab->local, sizeof met);
    for (unsigned i = 0; i < count; i++) {
        uint64_t index = (uint64_t)((unsigned __int128)((uintptr_t)blocks[i] - start) * inverse >> 64);
        if (index >= carved || (met[index / 64] >> index % 64 & 1) != 0)
            return false;
        met[index / 64] |= (uint64_t)1 << index % 64;
    }
    return true;
}

static uint64_t summand(const void *block)
{
    return (uintptr_t)block * ((uintptr_t)block + SUM_FACTOR);
}

/*
 * A sum over blocks in any order. But for an accident of one in 2^64, it is the same for others only if their addresses
 * have the same sum and the same sum of squares: then they differ in three blocks at least.
 */
static uint64_t sum_of(void *const *blocks, unsigned count)
{
    uint64_t sum = 0;
    for (; count >= 4; count -= 4, blocks += 4)
        sum += summand(blocks[0]) + summand(blocks[1]) + summand(blocks[2]) + summand(blocks[3]);
    while (count != 0)
        sum += summand(blocks[--count]);
    return sum;
}

bool hak_i_slab_are_still_out(struct hak_slab *slab, void *const *blocks, unsigned count)
{
    uint64_t sum = sum_of(blocks, count);
    if (sum != 0 && sum == slab->out_sum)
        return true;
    bool out = hak_i_slab_are_out(slab, blocks, count);
    slab->out_sum = out ? sum : 0;
    return out;
}

uint64_t hak_i_slab_give(struct hak_slab *slab, unsigned word, uint64_t bits)
{
    uint64_t wrong = (bits & slab->local[word]) | (bits & ~carved_bits(slab, word));
    bits &= ~wrong;
    slab->local[word] |= bits;
    slab->out_sum = 0;
    hak_store_relaxed(&slab->free_count, (uint16_t)(slab->free_count + hak_bits_count(bits)));
    return wrong;
}
