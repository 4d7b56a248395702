// SPDX-License-Identifier: MIT
// What the kernel tells in text of the process's memory: /proc. Allocates nothing.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os_boundary/os_boundary.h"
#include "os_boundary/os_private.h"

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
    struct hak_lines lines;
    *usage = (struct hak_os_usage){0};
    bool opened = hak_i_os_lines_open(&lines, "/proc/self/smaps_rollup");
    for (char *line = opened ? hak_i_os_lines_next(&lines) : NULL; line != NULL; line = hak_i_os_lines_next(&lines))
        take_amount(usage, line);
    bool complete = opened && hak_i_os_lines_close(&lines);
    errno = saved_errno;
    return complete && usage->resident_bytes != 0;
}

static bool read_mappings(struct hak_lines *lines, void (*visit)(void *arg, const struct hak_os_mapping *mapping),
                          void *arg)
{
    struct hak_os_mapping mapping = {0};
    for (char *line = hak_i_os_lines_next(lines); line != NULL; line = hak_i_os_lines_next(lines)) {
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
    struct hak_lines lines;
    bool complete = false;
    if (hak_i_os_lines_open(&lines, "/proc/self/smaps")) {
        bool any = read_mappings(&lines, visit, arg);
        complete = hak_i_os_lines_close(&lines) && any;
    }
    errno = saved_errno;
    return complete;
}

/* ------------------------------------------------------------------------------------- which pages are there ---- */

/* A page's entry in /proc/self/pagemap: it is in memory, or swapped out. */
#define HAS_PAGE ((uint64_t)3 << 62)

#define ENTRIES_MAX 512

/* Calls that are no cancellation points, for free() is none. */
static size_t read_pagemap(uint64_t *entries, size_t first, size_t count)
{
    long file = syscall(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    long bytes = syscall(SYS_pread64, file, entries, count * sizeof *entries, first * sizeof *entries);
    syscall(SYS_close, file);
    return bytes > 0 ? (size_t)bytes / sizeof *entries : 0;
}

size_t hak_i_os_pagemap_bytes(const void *address, size_t bytes)
{
    uint64_t entries[ENTRIES_MAX];
    int saved_errno = errno;
    size_t page = hak_i_os_page_bytes(), pages = bytes / page, count = 0;
    bool told = pages <= ENTRIES_MAX && read_pagemap(entries, (uintptr_t)address / page, pages) == pages;
    for (size_t i = 0; told && i < pages; i++)
        count += (entries[i] & HAS_PAGE) != 0;
    errno = saved_errno;
    return told ? count * page : SIZE_MAX;
}
