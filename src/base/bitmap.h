// SPDX-License-Identifier: MIT
// Ranges of bits in an array of words. Words may be read by other threads meanwhile, hence relaxed atomics.
#ifndef HAK_BASE_BITMAP_H
#define HAK_BASE_BITMAP_H

#include "base/atomic.h"
#include "base/bits.h"

/* The part of a range that lies in one word. */
struct hak_bitmap_part {
    size_t word;
    uint64_t mask;
    unsigned count;
};

HAK_INLINE struct hak_bitmap_part hak_bitmap_part_at(size_t first, size_t count)
{
    unsigned bit = first % 64;
    unsigned here = (unsigned)(count < 64U - bit ? count : 64U - bit);
    return (struct hak_bitmap_part){first / 64, hak_bits_range(bit, here), here};
}

HAK_INLINE void hak_bitmap_set(uint64_t *words, size_t first, size_t count)
{
    while (count != 0) {
        struct hak_bitmap_part part = hak_bitmap_part_at(first, count);
        hak_store_relaxed(&words[part.word], words[part.word] | part.mask);
        first += part.count;
        count -= part.count;
    }
}

HAK_INLINE size_t hak_bitmap_count(const uint64_t *words, size_t first, size_t count)
{
    size_t set = 0;
    while (count != 0) {
        struct hak_bitmap_part part = hak_bitmap_part_at(first, count);
        set += hak_bits_count(hak_load_relaxed(&words[part.word]) & part.mask);
        first += part.count;
        count -= part.count;
    }
    return set;
}

/* Returns how many were set. */
HAK_INLINE size_t hak_bitmap_clear(uint64_t *words, size_t first, size_t count)
{
    size_t set = 0;
    while (count != 0) {
        struct hak_bitmap_part part = hak_bitmap_part_at(first, count);
        uint64_t word = words[part.word];
        set += hak_bits_count(word & part.mask);
        if ((word & part.mask) != 0) /* else a page that nothing was ever set in would be written */
            hak_store_relaxed(&words[part.word], word & ~part.mask);
        first += part.count;
        count -= part.count;
    }
    return set;
}

#endif
