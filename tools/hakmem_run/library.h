// SPDX-License-Identifier: MIT
// The library that is preloaded.
#ifndef HAKMEM_RUN_LIBRARY_H
#define HAKMEM_RUN_LIBRARY_H

#include <limits.h>
#include <stdint.h>

#include "c_library.h"

struct library {
    char path[PATH_MAX];
    uint16_t machine;
    enum c_library c_library;
};

/* Takes the library at `chosen`, or the one that belongs to this program if NULL. Stops where it cannot be preloaded.
 */
void library_find(struct library *library, const char *chosen);

#endif
