// SPDX-License-Identifier: MIT
// Tiny's rows of the class table: steps of 16 bytes to 256, then four per doubling to 1 KiB. A slab holds 1,024 blocks
// at most, so the smallest classes have smaller slabs.
#ifndef HAK_TINY_CLASSES_H
#define HAK_TINY_CLASSES_H

#include "slab/slab_types.h"

#define HAK_TINY_BYTES_MAX 1024
#define HAK_TINY_STEP_SHIFT 4

#define HAK_TINY_ROW(size, slab_kib) HAK_CLASS_ROW(size, slab_kib * 1024, 16, 2048, 0)

// clang-format off
#define HAK_TINY_CLASSES                                                                                               \
    HAK_TINY_ROW(16, 16),  HAK_TINY_ROW(32, 32),  HAK_TINY_ROW(48, 32),  HAK_TINY_ROW(64, 64),                         \
    HAK_TINY_ROW(80, 64),  HAK_TINY_ROW(96, 64),  HAK_TINY_ROW(112, 64), HAK_TINY_ROW(128, 64),                        \
    HAK_TINY_ROW(144, 64), HAK_TINY_ROW(160, 64), HAK_TINY_ROW(176, 64), HAK_TINY_ROW(192, 64),                        \
    HAK_TINY_ROW(208, 64), HAK_TINY_ROW(224, 64), HAK_TINY_ROW(240, 64), HAK_TINY_ROW(256, 64),                        \
    HAK_TINY_ROW(320, 64), HAK_TINY_ROW(384, 64), HAK_TINY_ROW(448, 64), HAK_TINY_ROW(512, 64),                        \
    HAK_TINY_ROW(640, 64), HAK_TINY_ROW(768, 64), HAK_TINY_ROW(896, 64), HAK_TINY_ROW(1024, 64)
// clang-format on

#endif
