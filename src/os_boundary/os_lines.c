// SPDX-License-Identifier: MIT
// Files of the kernel's, line by line. Some are read while the heap is being set up, so nothing here may allocate;
// open() and its kin may be somebody's who does, and are places where a thread is cancelled, hence the bare system
// calls.
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os_boundary/os_private.h"

bool hak_i_os_lines_open(struct hak_lines *lines, const char *path)
{
    lines->start = lines->end = 0;
    lines->is_cut = false;
    lines->file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    lines->has_failed = lines->file < 0;
    return !lines->has_failed;
}

bool hak_i_os_lines_close(const struct hak_lines *lines)
{
    if (lines->file >= 0)
        syscall(SYS_close, lines->file);
    return !lines->has_failed;
}

/* Behind what is there; false: nothing came, or there is no room. */
static bool read_more(struct hak_lines *lines)
{
    lines->end -= lines->start;
    memmove(lines->text, lines->text + lines->start, lines->end);
    lines->start = 0;
    size_t room = sizeof lines->text - 1 - lines->end;
    long count = lines->file < 0 || room == 0 ? 0 : syscall(SYS_read, lines->file, lines->text + lines->end, room);
    lines->has_failed |= count < 0;
    if (count > 0)
        lines->end += (size_t)count;
    return count > 0;
}

static char *find_newline(struct hak_lines *lines)
{
    return (char *)memchr(lines->text + lines->start, '\n', lines->end - lines->start);
}

static void skip_what_was_cut_off(struct hak_lines *lines)
{
    while (lines->is_cut) {
        const char *newline = find_newline(lines);
        lines->start = newline != NULL ? (size_t)(newline + 1 - lines->text) : lines->end;
        lines->is_cut = newline == NULL && read_more(lines);
    }
}

/* What is there up to `end`, a place in the text; the next line begins at `next`. */
static char *take(struct hak_lines *lines, char *end, size_t next)
{
    char *line = lines->text + lines->start;
    *end = '\0';
    lines->start = next;
    return line;
}

char *hak_i_os_lines_next(struct hak_lines *lines)
{
    skip_what_was_cut_off(lines);
    char *newline = find_newline(lines);
    while (newline == NULL && read_more(lines))
        newline = find_newline(lines);
    if (newline != NULL)
        return take(lines, newline, (size_t)(newline + 1 - lines->text));
    if (lines->start == lines->end)
        return NULL;
    lines->is_cut = lines->end == sizeof lines->text - 1;
    return take(lines, lines->text + lines->end, lines->end);
}
