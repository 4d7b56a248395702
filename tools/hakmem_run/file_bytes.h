// SPDX-License-Identifier: MIT
// The content of a file that is not to be trusted: every access is checked against its end.
#ifndef HAKMEM_RUN_FILE_BYTES_H
#define HAKMEM_RUN_FILE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_bytes {
    const unsigned char *start; /* NULL: the file is empty */
    uint64_t count;
};

/* Maps a regular file. False with errno. */
bool file_bytes_open(struct file_bytes *file, const char *path);
void file_bytes_close(struct file_bytes *file);

/* Copies `size` bytes from `offset`; false, and nothing copied, where they are not all inside the file. */
bool file_bytes_read(const struct file_bytes *file, uint64_t offset, void *into, size_t size);

/* The string that begins at `offset`, NULL where it does not end inside the file. */
const char *file_bytes_string(const struct file_bytes *file, uint64_t offset);

/* Whether the string `text` stands at `offset`. */
bool file_bytes_hold(const struct file_bytes *file, uint64_t offset, const char *text);

#endif
