// SPDX-License-Identifier: MIT
#ifndef WORD_INDEX_FILES_H
#define WORD_INDEX_FILES_H

#include <stdbool.h>
#include <stdint.h>

/** The files to be indexed. All zero is the empty list. */
struct file_list {
    char **paths;
    uint32_t count;
    uint32_t capacity;
    uint32_t unreadable_count; /**< entries and directories that could not be looked into */
};

/**
 * Adds the file `path`, or every regular file below the directory `path`. Names that begin with a dot are left out and
 * links are not followed, both below `path` only. False with errno: there is no such path, or memory is out.
 */
bool file_list_add(struct file_list *list, const char *path);

void file_list_clear(struct file_list *list);

#endif
