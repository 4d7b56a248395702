// SPDX-License-Identifier: MIT
// Whether a program starts with more rights than who starts it: then the loader ignores LD_PRELOAD.
#ifndef HAKMEM_RUN_PRIVILEGE_H
#define HAKMEM_RUN_PRIVILEGE_H

/* What raises them, as the rest of a sentence about the program; NULL: nothing. */
const char *privilege_of(const char *path);

#endif
