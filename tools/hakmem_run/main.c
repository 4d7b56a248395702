// SPDX-License-Identifier: MIT
// hakmem-run: runs a command with hakmem in place of malloc.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command_line.h"
#include "library.h"
#include "preload.h"
#include "program.h"
#include "report.h"

static int say_it_takes_effect(const char *path, const char *library)
{
    if (printf("%s: %s takes effect\n", path, library) < 0 || fflush(stdout) != 0)
        stop(STATUS_REFUSED, "cannot write to standard output: %s", strerror(errno));
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct command_line line = command_line_read(argc, argv);
    struct library library;
    char path[PATH_MAX];

    library_find(&library, line.library);
    program_find(line.command[0], path);
    bool is_alone = preload_has_no_other_allocator(library.path);
    if (!program_takes_library(path, &library) || !is_alone)
        return STATUS_REFUSED;
    if (line.check)
        return say_it_takes_effect(path, library.path);

    preload_add(library.path);
    execv(path, line.command);
    stop(STATUS_NOT_EXECUTABLE, "%s: %s", path, strerror(errno));
}
