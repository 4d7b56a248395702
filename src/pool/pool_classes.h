// SPDX-License-Identifier: MIT
// Pool's rows of the class table: four classes per doubling from 1 KiB to HAK_POOL_BYTES_MAX. A slab holds 64 blocks at
// most, one word of each bitmap. Slabs of blocks below 64 KiB are powers of two, above they are whole blocks.
#ifndef HAK_POOL_CLASSES_H
#define HAK_POOL_CLASSES_H

#include "slab/slab_types.h"

#define HAK_POOL_BYTES_MAX (256 * 1024)

/* Sizes up to here find their class in a table. */
#define HAK_POOL_TABLE_BYTES_MAX (64 * 1024)
#define HAK_POOL_STEP_SHIFT 8

/* Stacks are bounded by bytes: 64 KiB at first, 2 MiB at most. */
#define HAK_POOL_FIRST_SLOTS(size) ((size) <= 4096 ? 16 : (size) >= 65536 ? 1 : 65536 / (size))
#define HAK_POOL_MOST_SLOTS(size) (2097152 / (size))
#define HAK_POOL_ROW(size, slab_size, prewarm)                                                                         \
    HAK_CLASS_ROW(size, slab_size, HAK_POOL_FIRST_SLOTS(size), HAK_POOL_MOST_SLOTS(size), prewarm)

#define HAK_POOL_KIB(size, slab_kib, prewarm) HAK_POOL_ROW((size)*1024, (slab_kib)*1024, prewarm)

// clang-format off
#define HAK_POOL_CLASSES                                                                                               \
    HAK_POOL_ROW(1280, 65536, 0),    HAK_POOL_ROW(1536, 65536, 0),  HAK_POOL_ROW(1792, 65536, 0),  HAK_POOL_ROW(2048, 65536, 0),  \
    HAK_POOL_ROW(2560, 65536, 0),    HAK_POOL_ROW(3072, 65536, 0),  HAK_POOL_ROW(3584, 65536, 0),  HAK_POOL_ROW(4096, 65536, 0),  \
    HAK_POOL_ROW(5120, 65536, 0),    HAK_POOL_ROW(6144, 65536, 0),  HAK_POOL_ROW(7168, 65536, 0),  HAK_POOL_ROW(8192, 65536, 16), \
    HAK_POOL_KIB(10, 128, 0),        HAK_POOL_KIB(12, 128, 0),      HAK_POOL_KIB(14, 128, 0),      HAK_POOL_KIB(16, 128, 16),     \
    HAK_POOL_KIB(20, 256, 0),        HAK_POOL_KIB(24, 256, 12),     HAK_POOL_KIB(28, 256, 0),      HAK_POOL_KIB(32, 256, 8),      \
    HAK_POOL_KIB(40, 512, 8),        HAK_POOL_KIB(48, 512, 4),      HAK_POOL_KIB(56, 512, 4),      HAK_POOL_KIB(64, 512, 0),      \
    HAK_POOL_KIB(80, 80 * 8, 0),     HAK_POOL_KIB(96, 96 * 8, 0),   HAK_POOL_KIB(112, 112 * 8, 0), HAK_POOL_KIB(128, 128 * 4, 0), \
    HAK_POOL_KIB(160, 160 * 4, 0),   HAK_POOL_KIB(192, 192 * 4, 0), HAK_POOL_KIB(224, 224 * 4, 0), HAK_POOL_KIB(256, 256 * 4, 0)
// clang-format on

#endif
