// SPDX-License-Identifier: MIT
#include "arena/arena_private.h"
#include "base/atomic.h"
#include "base/bits.h"

#define LIMIT_UNITS_MIN (8 * HAK_MIB / HAK_UNIT_BYTES)
#define LIMIT_UNITS_MAX ((size_t)1 << 26)

/* A bin holds sizes up to an eighth apart, so the first few of a bin nearly always fit. */
#define LOOKS_PER_BIN 4

/* Below 16 units one bin per size, above 8 per doubling. */
static unsigned bin_of(size_t units)
{
    if (units < 16)
        return (unsigned)units;
    unsigned shift = hak_bits_highest(units) - 3;
    return 8 * shift + (unsigned)(units >> shift);
}

static size_t smallest_units(unsigned bin)
{
    return bin < 16 ? bin : (size_t)(bin % 8 + 8) << (bin / 8 - 1);
}

static void unlink_from(struct hak_big_cache *cache, unsigned bin, struct hak_large *large)
{
    if (large->previous != NULL)
        large->previous->next = large->next;
    else
        cache->bins[bin] = large->next;
    if (large->next != NULL)
        large->next->previous = large->previous;
    if (cache->bins[bin] == NULL)
        cache->filled[bin / 64] &= ~((uint64_t)1 << bin % 64);
    hak_store_relaxed(&cache->units, cache->units - large->units);
}

static struct hak_large *take_from(struct hak_big_cache *cache, unsigned bin, size_t units)
{
    struct hak_large *large = cache->bins[bin];
    for (unsigned look = 0; large != NULL && look < LOOKS_PER_BIN; look++, large = large->next) {
        if (large->units >= units) {
            unlink_from(cache, bin, large);
            return large;
        }
    }
    return NULL;
}

struct hak_large *hak_i_big_cache_take(struct hak_big_cache *cache, size_t units)
{
    unsigned bin = bin_of(units);
    struct hak_large *large = take_from(cache, bin, units);
    if (large == NULL && bin >= 16)
        large = take_from(cache, bin + 1, units);
    if (large == NULL) {
        cache->misses++;
        return NULL;
    }
    cache->hits++;
    cache->reused_units += large->written_units < units ? large->written_units : units;
    if (cache->limit_units < LIMIT_UNITS_MAX)
        cache->limit_units += large->units;
    return large;
}

bool hak_i_big_cache_put(struct hak_big_cache *cache, struct hak_large *large)
{
    if (cache->limit_units < LIMIT_UNITS_MIN)
        cache->limit_units = LIMIT_UNITS_MIN;
    if (cache->units + large->units > cache->limit_units)
        return false;
    unsigned bin = bin_of(large->units);
    large->previous = NULL;
    large->next = cache->bins[bin];
    if (large->next != NULL)
        large->next->previous = large;
    cache->bins[bin] = large;
    cache->filled[bin / 64] |= (uint64_t)1 << bin % 64;
    hak_store_relaxed(&cache->units, cache->units + large->units);
    return true;
}

static int highest_filled(const struct hak_big_cache *cache)
{
    for (int word = HAK_BIG_CACHE_BINS / 64 - 1; word >= 0; word--)
        if (cache->filled[word] != 0)
            return word * 64 + (int)hak_bits_highest(cache->filled[word]);
    return -1;
}

size_t hak_i_big_cache_largest(const struct hak_big_cache *cache)
{
    int bin = highest_filled(cache);
    return bin < 0 ? 0 : smallest_units((unsigned)bin);
}

struct hak_large *hak_i_big_cache_evict(struct hak_big_cache *cache)
{
    int bin = highest_filled(cache);
    if (bin < 0)
        return NULL;
    struct hak_large *large = cache->bins[bin];
    unlink_from(cache, (unsigned)bin, large);
    cache->limit_units /= 2;
    return large;
}

int hak_i_big_cache_audit(const struct hak_big_cache *cache)
{
    size_t units = 0;
    for (unsigned bin = 0; bin < HAK_BIG_CACHE_BINS; bin++) {
        bool filled = (cache->filled[bin / 64] >> bin % 64 & 1) != 0;
        if (filled != (cache->bins[bin] != NULL))
            return 1;
        for (const struct hak_large *large = cache->bins[bin]; large != NULL; large = large->next) {
            if (bin_of(large->units) != bin)
                return 1;
            units += large->units;
        }
    }
    return units == cache->units ? 0 : 2;
}
