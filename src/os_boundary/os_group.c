// SPDX-License-Identifier: MIT
// The memory of the process's control groups (cgroups), version 1 and 2: what it may be, and what it is.
#include <string.h>

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

static bool open_below(struct hak_lines *lines, const char *root, const char *file)
{
    struct path path = {0};
    return append(&path, root) && append(&path, file) && hak_i_os_lines_open(lines, path.text);
}

/* A word such as "max" is none, and so is what nobody can have meant. */
static size_t parse_number(const char *text)
{
    size_t number = 0;
    const char *digit = text;
    for (; *digit >= '0' && *digit <= '9'; digit++)
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, *digit - '0', &number))
            return SIZE_MAX;
    return digit == text || *digit != '\0' ? SIZE_MAX : number;
}

/* The number in a file of the folder; SIZE_MAX: there is none. */
static size_t read_number(struct path *folder, const char *file)
{
    struct hak_lines lines;
    size_t length = folder->length, number = SIZE_MAX;
    if (append(folder, file) && hak_i_os_lines_open(&lines, folder->text)) {
        const char *line = hak_i_os_lines_next(&lines);
        number = line != NULL ? parse_number(line) : SIZE_MAX;
        hak_i_os_lines_close(&lines);
    }
    cut(folder, length);
    return number;
}

/* ------------------------------------------------------------------------------------ where a group is found ---- */

/* One version of control groups: how the kernel's tables name it. */
struct version {
    const char *file_system;
    const char *controller; /* that the hierarchy has to have; "": any will do */
    const char *usual_place;
    const char *limit_file;
    const char *usage_file;
};

static const struct version version_1 = {"cgroup", "memory", "/sys/fs/cgroup/memory", "/memory.limit_in_bytes",
                                         "/memory.usage_in_bytes"};
static const struct version version_2 = {"cgroup2", "", "/sys/fs/cgroup", "/memory.max", "/memory.current"};

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
    struct hak_lines lines;
    struct mount mount;
    const char *below = NULL;
    size_t top = append(path, root) && append(path, version->usual_place) ? path->length : 0;
    if (!open_below(&lines, root, "/proc/self/mountinfo"))
        return top;
    for (char *line = hak_i_os_lines_next(&lines); line != NULL && below == NULL; line = hak_i_os_lines_next(&lines)) {
        if (!parse_mount(line, version, &mount))
            continue;
        cut(path, 0);
        top = append(path, root) && append(path, mount.place) ? path->length : 0;
        below = path_below(mount.group, group);
        if (below != NULL)
            (void)append(path, below);
    }
    hak_i_os_lines_close(&lines);
    return top;
}

/* ------------------------------------------------------------------------------------------------ the groups ---- */

/* Version 1 says more than any machine has where there is no limit. */
static struct hak_os_group read_group(struct path *folder, const struct version *version)
{
    size_t limit = read_number(folder, version->limit_file);
    return (struct hak_os_group){.used_bytes = read_number(folder, version->usage_file),
                                 .limit_bytes = limit < hak_i_os_physical_bytes() ? limit : SIZE_MAX};
}

/* Without limits, what was found first counts. */
static struct hak_os_group tighter(struct hak_os_group found, struct hak_os_group other)
{
    bool is_first = found.limit_bytes == SIZE_MAX && found.used_bytes == SIZE_MAX;
    return is_first || other.limit_bytes < found.limit_bytes ? other : found;
}

/* Each group is held to the limits of those above it, too. */
static struct hak_os_group tightest_up_to(struct path *path, size_t top, const struct version *version,
                                          struct hak_os_group found)
{
    for (;;) {
        size_t length = path->length;
        found = tighter(found, read_group(path, version));
        if (length <= top)
            return found;
        do
            length--;
        while (length > top && path->text[length] != '/');
        cut(path, length);
    }
}

/* "4:memory:/a/group" or "0::/a/group" */
static struct hak_os_group tightest_of_line(char *line, const char *root, struct hak_os_group found)
{
    char *number = take_field(&line, ':');
    char *controllers = take_field(&line, ':');
    if (line == NULL)
        return found;
    bool is_second = strcmp(number, "0") == 0 && *controllers == '\0';
    if (!is_second && !has_word(controllers, version_1.controller))
        return found;
    const struct version *version = is_second ? &version_2 : &version_1;
    struct path path = {0};
    size_t top = find_directory(&path, root, version, line);
    return tightest_up_to(&path, top, version, found);
}

struct hak_os_group hak_i_os_group_at(const char *root)
{
    struct hak_lines lines;
    struct hak_os_group found = {.used_bytes = SIZE_MAX, .limit_bytes = SIZE_MAX};
    if (!open_below(&lines, root, "/proc/self/cgroup"))
        return found;
    for (char *line = hak_i_os_lines_next(&lines); line != NULL; line = hak_i_os_lines_next(&lines))
        found = tightest_of_line(line, root, found);
    hak_i_os_lines_close(&lines);
    return found;
}
