// SPDX-License-Identifier: MIT
// The classes of blocks up to 1 KiB: which class serves a size. Bounded by counts: 16 to 2,048 blocks a stack.
#ifndef HAK_TINY_H
#define HAK_TINY_H

#include "tiny/tiny_classes.h"

HAK_EXTERN_C_BEGIN

/* The scaled class (class * 32) for each step of 16 bytes; entry 0 is size 0, served by the smallest class. */
extern const uint16_t hak_i_tiny_scaled_classes[(HAK_TINY_BYTES_MAX >> HAK_TINY_STEP_SHIFT) + 1];

HAK_EXTERN_C_END

#endif
