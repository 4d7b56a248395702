// SPDX-License-Identifier: MIT
#ifndef HAK_POOL_HOT_H
#define HAK_POOL_HOT_H

#include "pool/pool.h"

/* `size` is above 1 KiB and at most HAK_POOL_TABLE_BYTES_MAX. */
HAK_INLINE size_t hak_i_pool_scaled_class(size_t size)
{
    return hak_i_pool_scaled_classes[(size + 255) >> HAK_POOL_STEP_SHIFT];
}

#endif
