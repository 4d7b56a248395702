// SPDX-License-Identifier: MIT
// The first line of a script.
#ifndef HAKMEM_RUN_SCRIPT_H
#define HAKMEM_RUN_SCRIPT_H

#include "file_bytes.h"

enum {
    SCRIPT_LINE_BYTES = 256 /* the kernel reads no more of a file to see how it is run */
};

enum script_result {
    SCRIPT_GOOD,
    SCRIPT_NO_SCRIPT,
    SCRIPT_NO_INTERPRETER
};

struct script {
    char interpreter[SCRIPT_LINE_BYTES + 1];
    char argument[SCRIPT_LINE_BYTES + 1]; /* the rest of the line, as the one argument that it is */
};

enum script_result script_read(struct script *script, const struct file_bytes *file);

bool script_interpreter_is_env(const struct script *script);

/* The command that `env` runs. False where it depends on more than a plain name, or LD_PRELOAD would not reach it. */
bool script_env_command(const struct script *script, char command[SCRIPT_LINE_BYTES + 1]);

#endif
