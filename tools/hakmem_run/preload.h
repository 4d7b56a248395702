// SPDX-License-Identifier: MIT
// LD_PRELOAD: what it names already, and what it becomes.
#ifndef HAKMEM_RUN_PRELOAD_H
#define HAKMEM_RUN_PRELOAD_H

#include <stdbool.h>

/* Reports each entry that is another allocator than `library`; true if there was none. */
bool preload_has_no_other_allocator(const char *library);

/* Puts `library` first, once, and keeps the other entries in their order. */
void preload_add(const char *library);

#endif
