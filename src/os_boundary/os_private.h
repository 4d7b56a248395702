// SPDX-License-Identifier: MIT
// What the files of this box share, and its own suite.
#ifndef HAK_OS_BOUNDARY_OS_PRIVATE_H
#define HAK_OS_BOUNDARY_OS_PRIVATE_H

#include "os_boundary/os_boundary.h"

HAK_EXTERN_C_BEGIN

/* ------------------------------------------------------------------------------------------- os_lines.c: files ---- */

/* A file, line by line. Longer lines than this are cut. */
struct hak_lines {
    int file;
    bool has_failed;
    bool is_cut;
    size_t start;
    size_t end;
    char text[2048];
};

/* False: it cannot be opened, and has no lines. */
bool hak_i_os_lines_open(struct hak_lines *lines, const char *path);

/* True: nothing failed. */
bool hak_i_os_lines_close(const struct hak_lines *lines);

/* The next line without its newline, valid until the next call; NULL: there is none. */
char *hak_i_os_lines_next(struct hak_lines *lines);

/* ------------------------------------------------------------------------------- os_group.c: the control group ---- */

/* As hak_i_os_group(). `root` stands before every path: "" for the system at hand. */
struct hak_os_group hak_i_os_group_at(const char *root);

HAK_EXTERN_C_END

#endif
