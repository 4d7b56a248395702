// SPDX-License-Identifier: MIT
// What the kernel tells in text: the process's memory in /proc, and its control group's. Allocates nothing.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os_boundary/os_boundary.h"

#define GROUPS_FOLDER "/sys/fs/cgroup"

/* A file, line by line. Longer lines than this, which the kernel does not write, end the reading. */
struct lines {
    int file;
    size_t start;
    size_t end;
    char text[4608];
};

static bool open_lines(struct lines *lines, const char *path)
{
    lines->file = open(path, O_RDONLY | O_CLOEXEC);
    lines->start = lines->end = 0;
    return lines->file >= 0;
}

/* True: everything was read. */
static bool close_lines(const struct lines *lines)
{
    close(lines->file);
    return lines->start == lines->end;
}

static bool read_more(struct lines *lines)
{
    lines->end -= lines->start;
    memmove(lines->text, lines->text + lines->start, lines->end);
    lines->start = 0;
    ssize_t count = read(lines->file, lines->text + lines->end, sizeof lines->text - lines->end);
    if (count > 0)
        lines->end += (size_t)count;
    return count > 0;
}

/* The next line without its newline, valid until the next call; NULL: there is none. */
static char *next_line(struct lines *lines)
{
    for (;;) {
        char *line = lines->text + lines->start;
        char *newline = (char *)memchr(line, '\n', lines->end - lines->start);
        if (newline != NULL) {
            *newline = '\0';
            lines->start = (size_t)(newline + 1 - lines->text);
            return line;
        }
        if (!read_more(lines))
            return NULL;
    }
}

/* -------------------------------------------------------------------------------------- the process's memory ---- */

static const struct {
    const char *name;
    size_t field;
} amounts[] = {
    {"Rss:", offsetof(struct hak_os_usage, resident_bytes)},
    {"Private_Dirty:", offsetof(struct hak_os_usage, private_dirty_bytes)},
    {"AnonHugePages:", offsetof(struct hak_os_usage, huge_bytes)},
    {"Swap:", offsetof(struct hak_os_usage, swapped_bytes)},
};

/* A line as "Rss:      123 kB". */
static void take_amount(struct hak_os_usage *usage, const char *line)
{
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        size_t length = strlen(amounts[i].name);
        if (strncmp(line, amounts[i].name, length) == 0)
            *(size_t *)(void *)((char *)usage + amounts[i].field) = strtoul(line + length, NULL, 10) * HAK_KIB;
    }
}

/* The line that a mapping begins with starts with its address, the others with a capital. */
static bool is_heading(const char *line)
{
    return (*line >= '0' && *line <= '9') || (*line >= 'a' && *line <= 'f');
}

/* Behind the range, the protection, an offset, a device and an inode. */
static const char *name_in(const char *heading)
{
    for (int column = 0; column < 5; column++) {
        heading += strcspn(heading, " ");
        heading += strspn(heading, " ");
    }
    return heading;
}

static struct hak_os_mapping mapping_of(const char *heading)
{
    const char *name = name_in(heading);
    char *dash;
    struct hak_os_mapping mapping = {.start = strtoul(heading, &dash, 16)};
    mapping.end = strtoul(dash + 1, NULL, 16);
    mapping.kind = *name == '/'                   ? HAK_OS_MAPPED_FILE
                   : strcmp(name, "[stack]") == 0 ? HAK_OS_MAPPED_STACK
                                                  : HAK_OS_MAPPED_OTHER;
    return mapping;
}

bool hak_i_os_usage(struct hak_os_usage *usage)
{
    int saved_errno = errno;
    struct lines lines;
    *usage = (struct hak_os_usage){0};
    bool opened = open_lines(&lines, "/proc/self/smaps_rollup");
    for (char *line = opened ? next_line(&lines) : NULL; line != NULL; line = next_line(&lines))
        take_amount(usage, line);
    bool complete = opened && close_lines(&lines);
    errno = saved_errno;
    return complete && usage->resident_bytes != 0;
}

static bool read_mappings(struct lines *lines, void (*visit)(void *arg, const struct hak_os_mapping *mapping),
                          void *arg)
{
    struct hak_os_mapping mapping = {0};
    for (char *line = next_line(lines); line != NULL; line = next_line(lines)) {
        if (!is_heading(line)) {
            take_amount(&mapping.usage, line);
            continue;
        }
        if (mapping.end != 0)
            visit(arg, &mapping);
        mapping = mapping_of(line);
    }
    if (mapping.end != 0)
        visit(arg, &mapping);
    return mapping.end != 0;
}

bool hak_i_os_each_mapping(void (*visit)(void *arg, const struct hak_os_mapping *mapping), void *arg)
{
    int saved_errno = errno;
    struct lines lines;
    bool complete = false;
    if (open_lines(&lines, "/proc/self/smaps")) {
        bool any = read_mappings(&lines, visit, arg);
        complete = close_lines(&lines) && any;
    }
    errno = saved_errno;
    return complete;
}

/* ----------------------------------------------------------------------------------------- the control group ---- */

struct path {
    size_t length;
    char text[1024];
};

/* What does not fit makes a path that is not there. */
static void append(struct path *path, const char *text)
{
    for (; *text != '\0' && path->length < sizeof path->text - 1; text++)
        path->text[path->length++] = *text;
    path->text[path->length] = '\0';
}

/* The number that the file begins with; SIZE_MAX: none. */
static size_t number_in(const char *path)
{
    struct lines lines;
    if (!open_lines(&lines, path))
        return SIZE_MAX;
    char *line = next_line(&lines);
    size_t number = line != NULL && *line >= '0' && *line <= '9' ? strtoul(line, NULL, 10) : SIZE_MAX;
    close_lines(&lines);
    return number;
}

static size_t number_of_group(const char *hierarchy, const char *group, const char *file)
{
    struct path path = {0};
    append(&path, GROUPS_FOLDER);
    append(&path, hierarchy);
    append(&path, group);
    append(&path, file);
    return number_in(path.text);
}

/* Inside a container the group's folder may be the root of what is mounted there. */
static size_t usage_of_group(const char *hierarchy, const char *group, const char *file)
{
    size_t bytes = number_of_group(hierarchy, group, file);
    return bytes != SIZE_MAX ? bytes : number_of_group(hierarchy, "", file);
}

/* Lines as "0::/group" (version 2) and "4:memory:/group" (version 1, one line for each controller). */
static size_t usage_by_line(const char *line)
{
    const char *controllers = strchr(line, ':');
    const char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (group == NULL)
        return SIZE_MAX;
    if (strncmp(line, "0::", 3) == 0)
        return usage_of_group("", group + 1, "/memory.current");
    const char *memory = strstr(controllers, "memory");
    return memory != NULL && memory < group ? usage_of_group("/memory", group + 1, "/memory.usage_in_bytes") : SIZE_MAX;
}

size_t hak_i_os_group_bytes(void)
{
    int saved_errno = errno;
    struct lines lines;
    size_t bytes = SIZE_MAX;
    if (open_lines(&lines, "/proc/self/cgroup")) {
        for (char *line = next_line(&lines); line != NULL && bytes == SIZE_MAX; line = next_line(&lines))
            bytes = usage_by_line(line);
        close_lines(&lines);
    }
    errno = saved_errno;
    return bytes;
}
