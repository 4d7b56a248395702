// SPDX-License-Identifier: MIT
// The memory limit of the process's control groups (cgroups), version 1 and 2. It is asked for while the heap is being
// set up, so nothing here may allocate; open() and its kin may be somebody's who does, hence the bare system calls.
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os_boundary/os_private.h"

#define TEXT_BYTES 2048

struct path {
    size_t length;
    char text[TEXT_BYTES];
};

static bool append(struct path *path, const char *text)
{
    size_t length = strlen(text);
    if (length >= sizeof path->text - path->length)
        return false;
    memcpy(path->text + path->length, text, length + 1);
    path->length += length;
    return true;
}

static void cut(struct path *path, size_t length)
{
    path->length = length;
    path->text[length] = '\0';
}

/* --------------------------------------------------------------------------------------------- reading files ---- */

struct reader {
    int file;
    size_t at;
    size_t length;
    char bytes[256];
};

/* Of `path` behind `root`; where it cannot be opened, it has no lines. */
static void open_lines(struct reader *reader, const char *root, const char *path)
{
    struct path whole = {0};
    reader->at = reader->length = 0;
    reader->file = -1;
    if (append(&whole, root) && append(&whole, path))
        reader->file = (int)syscall(SYS_openat, AT_FDCWD, whole.text, O_RDONLY | O_CLOEXEC, 0);
}

static void close_lines(struct reader *reader)
{
    if (reader->file >= 0)
        syscall(SYS_close, reader->file);
}

static bool refill(struct reader *reader)
{
    long length = reader->file < 0 ? 0 : syscall(SYS_read, reader->file, reader->bytes, sizeof reader->bytes);
    reader->at = 0;
    reader->length = length > 0 ? (size_t)length : 0;
    return length > 0;
}

/* The next line without its end, cut at TEXT_BYTES; false: there are no more. */
static bool read_line(struct reader *reader, char *line)
{
    size_t length = 0;
    bool any = false;
    while (reader->at != reader->length || refill(reader)) {
        char letter = reader->bytes[reader->at++];
        any = true;
        if (letter == '\n')
            break;
        if (length < TEXT_BYTES - 1)
            line[length++] = letter;
    }
    line[length] = '\0';
    return any;
}

/* A word such as "max" is no limit, and so is what nobody can have meant. */
static size_t parse_limit(const char *text)
{
    size_t limit = 0;
    const char *digit = text;
    for (; *digit >= '0' && *digit <= '9'; digit++)
        if (__builtin_mul_overflow(limit, 10, &limit) || __builtin_add_overflow(limit, *digit - '0', &limit))
            return SIZE_MAX;
    return digit == text || *digit != '\0' ? SIZE_MAX : limit;
}

static size_t read_limit(const char *path)
{
    struct reader reader;
    char line[TEXT_BYTES];
    open_lines(&reader, "", path);
    size_t limit = read_line(&reader, line) ? parse_limit(line) : SIZE_MAX;
    close_lines(&reader);
    return limit;
}

/* ------------------------------------------------------------------------------------ where a group is found ---- */

/* One version of control groups: how the kernel's tables name it. */
struct version {
    const char *file_system;
    const char *controller; /* that the hierarchy has to have; "": any will do */
    const char *usual_place;
    const char *limit_file;
};

static const struct version version_1 = {"cgroup", "memory", "/sys/fs/cgroup/memory", "/memory.limit_in_bytes"};
static const struct version version_2 = {"cgroup2", "", "/sys/fs/cgroup", "/memory.max"};

/* Takes the text up to the next `divider` off the rest, which becomes NULL at the end. */
static char *take_field(char **rest, char divider)
{
    char *field = *rest;
    char *end = field == NULL ? NULL : strchr(field, divider);
    if (end != NULL)
        *end++ = '\0';
    *rest = end;
    return field;
}

static bool has_word(char *list, const char *word)
{
    for (char *rest = list; rest != NULL;)
        if (strcmp(take_field(&rest, ','), word) == 0)
            return true;
    return false;
}

/* Spaces and backslashes stand there as "\040" and "\134". */
static void unescape(char *text)
{
    char *to = text;
    for (; *text != '\0'; text++) {
        bool escaped = text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' && text[2] <= '7' &&
                       text[3] >= '0' && text[3] <= '7';
        *to++ = escaped ? (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0')) : *text;
        text += escaped ? 3 : 0;
    }
    *to = '\0';
}

struct mount {
    const char *group; /* the group that is seen at the place */
    const char *place;
};

/* "36 35 98:0 /group /place rw,noatime master:1 - cgroup cgroup rw,memory" */
static bool parse_mount(char *line, const struct version *version, struct mount *mount)
{
    char *fields[5], *field;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        fields[i] = take_field(&line, ' ');
    do
        field = take_field(&line, ' ');
    while (field != NULL && strcmp(field, "-") != 0);
    const char *file_system = take_field(&line, ' ');
    (void)take_field(&line, ' ');
    if (line == NULL || strcmp(file_system, version->file_system) != 0 ||
        (*version->controller != '\0' && !has_word(line, version->controller)))
        return false;
    unescape(fields[3]);
    unescape(fields[4]);
    *mount = (struct mount){fields[3], fields[4]};
    return true;
}

/* What leads from the group that is seen at a place to `group`, which may be that one; NULL: it is not below it. */
static const char *path_below(const char *seen, const char *group)
{
    size_t length = strcmp(seen, "/") == 0 ? 0 : strlen(seen);
    if (strncmp(seen, group, length) != 0 || (group[length] != '/' && group[length] != '\0') ||
        strncmp(group, "/..", 3) == 0)
        return NULL;
    return strcmp(group + length, "/") == 0 ? "" : group + length;
}

/*
 * Fills in the directory of `group`, and the length of the part above which nothing is seen. A group that is seen
 * nowhere is looked for where its hierarchy is mounted, and that at the usual place.
 */
static size_t find_directory(struct path *path, const char *root, const struct version *version, const char *group)
{
    struct reader reader;
    char line[TEXT_BYTES];
    struct mount mount;
    const char *below = NULL;
    size_t top = append(path, root) && append(path, version->usual_place) ? path->length : 0;
    open_lines(&reader, root, "/proc/self/mountinfo");
    while (below == NULL && read_line(&reader, line)) {
        if (!parse_mount(line, version, &mount))
            continue;
        cut(path, 0);
        top = append(path, root) && append(path, mount.place) ? path->length : 0;
        below = path_below(mount.group, group);
    }
    close_lines(&reader);
    if (below != NULL)
        (void)append(path, below);
    return top;
}

/* ------------------------------------------------------------------------------------------------ the limits ---- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Each group is held to the limits of those above it, too. */
static size_t least_limit_up_to(struct path *path, size_t top, const char *limit_file)
{
    size_t least = SIZE_MAX;
    for (;;) {
        size_t length = path->length;
        if (append(path, limit_file))
            least = smaller(least, read_limit(path->text));
        if (length <= top)
            return least;
        do
            length--;
        while (length > top && path->text[length] != '/');
        cut(path, length);
    }
}

/* "4:memory:/a/group" or "0::/a/group" */
static size_t limit_of_line(char *line, const char *root)
{
    char *number = take_field(&line, ':');
    char *controllers = take_field(&line, ':');
    if (line == NULL)
        return SIZE_MAX;
    bool is_second = strcmp(number, "0") == 0 && *controllers == '\0';
    if (!is_second && !has_word(controllers, version_1.controller))
        return SIZE_MAX;
    const struct version *version = is_second ? &version_2 : &version_1;
    struct path path = {0};
    size_t top = find_directory(&path, root, version, line);
    return least_limit_up_to(&path, top, version->limit_file);
}

size_t hak_i_os_group_limit_bytes(const char *root)
{
    struct reader reader;
    char line[TEXT_BYTES];
    size_t least = SIZE_MAX;
    open_lines(&reader, root, "/proc/self/cgroup");
    while (read_line(&reader, line))
        least = smaller(least, limit_of_line(line, root));
    close_lines(&reader);
    return least;
}
