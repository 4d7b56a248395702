// SPDX-License-Identifier: MIT
#include "tiny/tiny.h"

#define SCALED(class_index) ((class_index)*32)
#define FOUR_TIMES(class_index) SCALED(class_index), SCALED(class_index), SCALED(class_index), SCALED(class_index)
#define EIGHT_TIMES(class_index) FOUR_TIMES(class_index), FOUR_TIMES(class_index)

// clang-format off
const uint16_t hak_i_tiny_scaled_classes[(HAK_TINY_BYTES_MAX >> HAK_TINY_STEP_SHIFT) + 1] = {
    SCALED(0),      SCALED(0),      SCALED(1),      SCALED(2),      SCALED(3),  SCALED(4),  SCALED(5),  SCALED(6),
    SCALED(7),      SCALED(8),      SCALED(9),      SCALED(10),     SCALED(11), SCALED(12), SCALED(13), SCALED(14),
    SCALED(15),     FOUR_TIMES(16), FOUR_TIMES(17), FOUR_TIMES(18), FOUR_TIMES(19),
    EIGHT_TIMES(20), EIGHT_TIMES(21), EIGHT_TIMES(22), EIGHT_TIMES(23),
};
// clang-format on
