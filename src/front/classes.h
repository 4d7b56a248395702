// SPDX-License-Identifier: MIT
// Which class serves a size, over tiny and pool together.
#ifndef HAK_FRONT_CLASSES_H
#define HAK_FRONT_CLASSES_H

#include "base/bits.h"
#include "pool/pool_hot.h"
#include "tiny/tiny_hot.h"

/* `size` is at most HAK_POOL_BYTES_MAX. */
HAK_INLINE unsigned hak_i_front_class(size_t size)
{
    return size <= HAK_TINY_BYTES_MAX ? (unsigned)hak_i_tiny_scaled_class(size) / 32 : hak_i_pool_class(size);
}

/*
 * The size whose class is aligned to `alignment`, at most 16 KiB. Classes are spaced by an eighth of a power of two or
 * more, so a multiple of the alignment rounds up to a class that is one.
 */
HAK_INLINE size_t hak_i_front_aligned_size(size_t alignment, size_t size)
{
    return hak_round_up(size == 0 ? 1 : size, alignment);
}

#endif
