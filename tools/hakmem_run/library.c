// SPDX-License-Identifier: MIT
#include "library.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elf_symbols.h"
#include "report.h"

static const char library_name[] = "libhakmem_malloc.so.0";

__attribute__((noreturn)) static void stop_too_long(void)
{
    stop(STATUS_REFUSED, "the path of the library is too long");
}

/* The folder of this program, with the slash behind it. */
static void own_folder(char folder[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
    if (length < 0)
        stop(STATUS_REFUSED, "cannot tell where hakmem-run is (/proc/self/exe: %s); give --library=PATH",
             strerror(errno));
    folder[length] = '\0';
    strrchr(folder, '/')[1] = '\0';
}

static void locate_own(char path[PATH_MAX])
{
    static const char library_folder[] = HAKMEM_RUN_LIBRARY_FOLDER;
    char start[PATH_MAX] = "", way[PATH_MAX], folder[PATH_MAX];
    if (library_folder[0] != '/')
        own_folder(start);
    if (snprintf(way, sizeof way, "%s%s", start, library_folder) >= (int)sizeof way)
        stop_too_long();
    if (realpath(way, folder) == NULL)
        stop(STATUS_REFUSED, "%s, where %s should be: %s; give --library=PATH", way, library_name, strerror(errno));
    if (snprintf(path, PATH_MAX, "%s/%s", folder, library_name) >= PATH_MAX)
        stop_too_long();
}

/* The command may change its folder before it starts another, so the path has to be an absolute one. */
static void locate_chosen(const char *chosen, char path[PATH_MAX])
{
    char folder[PATH_MAX] = "";
    if (*chosen != '/' && getcwd(folder, sizeof folder) == NULL)
        stop(STATUS_REFUSED, "cannot tell the current folder: %s", strerror(errno));
    if (snprintf(path, PATH_MAX, *folder == '\0' ? "%s%s" : "%s/%s", folder, chosen) >= PATH_MAX)
        stop_too_long();
}

static void take_facts(struct library *library, const struct file_bytes *bytes)
{
    struct elf_file elf;
    enum elf_result result = elf_file_open(&elf, bytes);
    if (result != ELF_GOOD || elf.header.e_type != ET_DYN)
        stop(STATUS_REFUSED, "%s is %s", library->path,
             result == ELF_DAMAGED ? "a damaged ELF file" : "not a 64-bit little-endian shared library");
    if (!elf_symbols_export(&elf, "malloc"))
        stop(STATUS_REFUSED, "%s exports no malloc, so preloading it would do nothing", library->path);
    library->machine = elf.header.e_machine;
    library->c_library = c_library_of(&elf);
}

void library_find(struct library *library, const char *chosen)
{
    if (chosen == NULL)
        locate_own(library->path);
    else
        locate_chosen(chosen, library->path);
    if (strpbrk(library->path, " :") != NULL)
        stop(STATUS_REFUSED, "%s: a path with a space or a colon cannot stand in LD_PRELOAD", library->path);

    struct file_bytes bytes;
    if (!file_bytes_open(&bytes, library->path))
        stop(STATUS_REFUSED, "the library %s: %s%s", library->path, strerror(errno),
             chosen == NULL ? "; give --library=PATH" : "");
    take_facts(library, &bytes);
    file_bytes_close(&bytes);
}
