// SPDX-License-Identifier: MIT
// The classes of blocks from 1 KiB to HAK_POOL_BYTES_MAX: which class serves a size. Bounded by bytes.
#ifndef HAK_POOL_H
#define HAK_POOL_H

#include "base/bits.h"
#include "pool/pool_classes.h"

HAK_EXTERN_C_BEGIN

/* The scaled class (class * 32) for each step of 256 bytes; entries below 1 KiB are tiny's and not used. */
extern const uint16_t hak_i_pool_scaled_classes[(HAK_POOL_TABLE_BYTES_MAX >> HAK_POOL_STEP_SHIFT) + 1];

/* The class for a size above HAK_TINY_BYTES_MAX, up to HAK_POOL_BYTES_MAX: four per doubling. */
HAK_INLINE unsigned hak_i_pool_class(size_t size)
{
    unsigned doubling = hak_bits_highest(size - 1);
    unsigned quarter = (unsigned)((size - 1) >> (doubling - 2)) & 3;
    return HAK_TINY_CLASS_COUNT + 4 * (doubling - 10) + quarter;
}

HAK_EXTERN_C_END

#endif
