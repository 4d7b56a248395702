// SPDX-License-Identifier: MIT
#ifndef WORD_INDEX_ARRAY_H
#define WORD_INDEX_ARRAY_H

#include <stddef.h>
#include <stdint.h>

/** `array`, perhaps moved, with room for one item behind its `count` items. NULL if out of memory: nothing changed. */
void *array_with_room(void *array, uint32_t count, uint32_t *capacity, size_t item_bytes);

#endif
