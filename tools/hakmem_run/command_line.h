// SPDX-License-Identifier: MIT
// The arguments of hakmem-run itself.
#ifndef HAKMEM_RUN_COMMAND_LINE_H
#define HAKMEM_RUN_COMMAND_LINE_H

#include <stdbool.h>

struct command_line {
    const char *library; /* NULL: the one that belongs to this program */
    bool check;
    char **command; /* it and its arguments, ended by NULL */
};

/* Ends the process for --help and --version, and where the arguments are not understood. Puts --set into the
 * environment. */
struct command_line command_line_read(int argc, char **argv);

#endif
