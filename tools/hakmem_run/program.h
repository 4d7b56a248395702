// SPDX-License-Identifier: MIT
// Whether a preloaded library takes effect in a program.
#ifndef HAKMEM_RUN_PROGRAM_H
#define HAKMEM_RUN_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

#include "library.h"

/* Finds `command` by PATH. Stops with STATUS_NOT_FOUND or STATUS_NOT_EXECUTABLE. */
void program_find(const char *command, char path[PATH_MAX]);

/* Looks at the program, or at what interprets a script. Reports each reason why not; stops where it cannot be run. */
bool program_takes_library(const char *path, const struct library *library);

#endif
