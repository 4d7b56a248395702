// SPDX-License-Identifier: MIT
// Finds a program as execvp() does, but looks before it leaps.
#ifndef HAKMEM_RUN_FIND_H
#define HAKMEM_RUN_FIND_H

#include <limits.h>

/* Each gives 0 and fills `path`, or the errno with which running the program would fail. */
int find_file(const char *name, char path[PATH_MAX]);
int find_command(const char *name, char path[PATH_MAX]);

#endif
