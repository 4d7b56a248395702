// SPDX-License-Identifier: MIT
#include "pool/pool.h"

#define SCALED(row) ((HAK_TINY_CLASS_COUNT + (row)) * 32)
#define TWICE(row) SCALED(row), SCALED(row)
#define FOUR_TIMES(row) TWICE(row), TWICE(row)
#define EIGHT_TIMES(row) FOUR_TIMES(row), FOUR_TIMES(row)
#define SIXTEEN_TIMES(row) EIGHT_TIMES(row), EIGHT_TIMES(row)
#define THIRTY_TWO_TIMES(row) SIXTEEN_TIMES(row), SIXTEEN_TIMES(row)

// clang-format off
/* Five steps that tiny serves, then a doubling in each row. */
const uint16_t hak_i_pool_scaled_classes[(HAK_POOL_TABLE_BYTES_MAX >> HAK_POOL_STEP_SHIFT) + 1] = {
    0, 0, 0, 0, 0,
    SCALED(0), SCALED(1), SCALED(2), SCALED(3),
    TWICE(4), TWICE(5), TWICE(6), TWICE(7),
    FOUR_TIMES(8), FOUR_TIMES(9), FOUR_TIMES(10), FOUR_TIMES(11),
    EIGHT_TIMES(12), EIGHT_TIMES(13), EIGHT_TIMES(14), EIGHT_TIMES(15),
    SIXTEEN_TIMES(16), SIXTEEN_TIMES(17), SIXTEEN_TIMES(18), SIXTEEN_TIMES(19),
    THIRTY_TWO_TIMES(20), THIRTY_TWO_TIMES(21), THIRTY_TWO_TIMES(22), THIRTY_TWO_TIMES(23),
};
// clang-format on
