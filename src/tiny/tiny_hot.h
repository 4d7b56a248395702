// SPDX-License-Identifier: MIT
#ifndef HAK_TINY_HOT_H
#define HAK_TINY_HOT_H

#include "tiny/tiny.h"

/* `size` is at most HAK_TINY_BYTES_MAX. */
HAK_INLINE size_t hak_i_tiny_scaled_class(size_t size)
{
    return hak_i_tiny_scaled_classes[(size + 15) >> HAK_TINY_STEP_SHIFT];
}

#endif
