// SPDX-License-Identifier: MIT
#include "slab/slab.h"

static unsigned free_bits(const struct hak_slab *slab)
{
    unsigned count = 0;
    for (unsigned word = 0; word < HAK_SLAB_WORDS; word++)
        count += hak_bits_count(slab->local[word]);
    return count;
}

static bool bits_above_carved(const struct hak_slab *slab)
{
    for (unsigned index = slab->carved; index < HAK_SLAB_BLOCKS_MAX; index++)
        if (((slab->local[index / 64] | hak_load_relaxed(&slab->remote[index / 64])) >> index % 64 & 1) != 0)
            return true;
    return false;
}

static bool free_in_two_places(const struct hak_slab *slab)
{
    for (unsigned word = 0; word < HAK_SLAB_WORDS; word++)
        if ((slab->local[word] & hak_load_relaxed(&slab->remote[word])) != 0)
            return true;
    return false;
}

static bool summary_names_empty_word(const struct hak_slab *slab)
{
    uint64_t words = hak_load_relaxed(&slab->summary);
    for (; words != 0; words &= words - 1)
        if (hak_bits_lowest(words) >= HAK_SLAB_WORDS || hak_load_relaxed(&slab->remote[hak_bits_lowest(words)]) == 0)
            return true;
    return false;
}

static bool units_lead_here(const struct hak_registry *registry, const struct hak_slab *slab)
{
    size_t first = hak_i_registry_unit(registry, slab->start);
    size_t end = first + (slab->span_bytes >> HAK_UNIT_SHIFT);
    if (first >= registry->units || end > registry->units)
        return false;
    for (size_t unit = first; unit < end; unit++)
        if (hak_i_registry_record(registry, unit) != slab)
            return false;
    return true;
}

int hak_i_slab_audit(const struct hak_slabs *slabs, const struct hak_slab *slab)
{
    if (!units_lead_here(slabs->arena->registry, slab))
        return 6;
    if (slab->state != HAK_SLAB_BOUND)
        return 0;
    if (free_in_two_places(slab) || bits_above_carved(slab))
        return 1;
    if (free_bits(slab) != slab->free_count)
        return 2;
    if (summary_names_empty_word(slab))
        return 3;
    return slab->listed == hak_i_slab_has_room(slab) ? 0 : 5;
}
