// SPDX-License-Identifier: MIT
#include "preload.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "elf_symbols.h"
#include "report.h"

static const char separators[] = " :";

static const char *const allocators[] = {"libmimalloc", "libjemalloc", "libtcmalloc", "libsnmalloc", "librpmalloc"};

__attribute__((noreturn)) static void stop_without_memory(void)
{
    stop(STATUS_REFUSED, "out of memory");
}

static void each_entry(void (*visit)(const char *entry, void *context), void *context)
{
    const char *value = getenv("LD_PRELOAD");
    if (value == NULL)
        return;
    char *copy = strdup(value), *rest = NULL;
    if (copy == NULL)
        stop_without_memory();
    for (char *entry = strtok_r(copy, separators, &rest); entry != NULL; entry = strtok_r(NULL, separators, &rest))
        visit(entry, context);
    free(copy);
}

/*
 * The file behind an entry. The entries were loaded into this process too, so the loader knows what it took for a plain
 * name; what it could not load is "", and has no effect on the command either.
 */
static const char *file_of(const char *entry)
{
    void *handle = dlopen(entry, RTLD_LAZY | RTLD_NOLOAD);
    struct link_map *map;
    if (handle == NULL || dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0)
        return "";
    dlclose(handle); /* what was loaded at the start stays */
    return map->l_name;
}

static bool is_same_file(const char *one, const char *other)
{
    struct stat status, other_status;
    return stat(one, &status) == 0 && stat(other, &other_status) == 0 && status.st_dev == other_status.st_dev &&
           status.st_ino == other_status.st_ino;
}

static bool names(const char *entry, const char *library)
{
    return strcmp(entry, library) == 0 || is_same_file(file_of(entry), library);
}

/* ---------------------------------------------------------------------------------------- other allocators ---- */

static bool has_known_name(const char *entry)
{
    const char *slash = strrchr(entry, '/');
    const char *name = slash == NULL ? entry : slash + 1;
    for (size_t i = 0; i < sizeof allocators / sizeof *allocators; i++)
        if (strncmp(name, allocators[i], strlen(allocators[i])) == 0)
            return true;
    return false;
}

static bool exports_malloc(const char *path)
{
    struct file_bytes bytes;
    struct elf_file elf;
    if (!file_bytes_open(&bytes, path))
        return false;
    bool exports = elf_file_open(&elf, &bytes) == ELF_GOOD && elf_symbols_export(&elf, "malloc");
    file_bytes_close(&bytes);
    return exports;
}

struct search {
    const char *library;
    bool found;
};

static void look_at(const char *entry, void *context)
{
    struct search *search = context;
    if (!names(entry, search->library) && (has_known_name(entry) || exports_malloc(file_of(entry)))) {
        report("LD_PRELOAD names another allocator, %s; take it out of LD_PRELOAD", entry);
        search->found = true;
    }
}

bool preload_has_no_other_allocator(const char *library)
{
    struct search search = {.library = library};
    each_entry(look_at, &search);
    return !search.found;
}

/* ------------------------------------------------------------------------------------------- the new value ---- */

struct list {
    const char *library;
    char *text;
};

static void append(const char *entry, void *context)
{
    struct list *list = context;
    char *longer;
    if (names(entry, list->library))
        return;
    if (asprintf(&longer, "%s:%s", list->text, entry) < 0)
        stop_without_memory();
    free(list->text);
    list->text = longer;
}

void preload_add(const char *library)
{
    struct list list = {.library = library, .text = strdup(library)};
    if (list.text == NULL)
        stop_without_memory();
    each_entry(append, &list);
    if (setenv("LD_PRELOAD", list.text, 1) != 0)
        stop_without_memory();
    free(list.text);
}
