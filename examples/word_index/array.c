// SPDX-License-Identifier: MIT
#include "array.h"

#include <errno.h>

#include "memory.h"

void *array_with_room(void *array, uint32_t count, uint32_t *capacity, size_t item_bytes)
{
    if (count < *capacity)
        return array;

    const uint32_t larger = *capacity + *capacity / 2 + 2;
    if (larger < *capacity) {
        errno = ENOMEM;
        return NULL;
    }
    void *moved = memory_reallocarray(array, larger, item_bytes);
    if (moved != NULL)
        *capacity = larger;
    return moved;
}
