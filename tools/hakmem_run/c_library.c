// SPDX-License-Identifier: MIT
#include "c_library.h"

#include <string.h>

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static enum c_library of_interpreter(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    if (begins(name, "ld-musl-"))
        return C_LIBRARY_MUSL;
    if (begins(name, "ld-linux") || begins(name, "ld64.so"))
        return C_LIBRARY_GLIBC;
    return C_LIBRARY_UNKNOWN;
}

static enum c_library of_needed(const char *name)
{
    if (strcmp(name, "libc.so.6") == 0)
        return C_LIBRARY_GLIBC;
    if (strcmp(name, "libc.so") == 0 || begins(name, "libc.musl-"))
        return C_LIBRARY_MUSL;
    return C_LIBRARY_UNKNOWN;
}

enum c_library c_library_of(const struct elf_file *elf)
{
    enum c_library found = elf->interpreter == NULL ? C_LIBRARY_UNKNOWN : of_interpreter(elf->interpreter);
    uint64_t position = 0;
    const char *name;
    while (found == C_LIBRARY_UNKNOWN && (name = elf_file_next_needed(elf, &position)) != NULL)
        found = of_needed(name);
    return found;
}

const char *c_library_name(enum c_library library)
{
    static const char *const names[] = {"an unknown C library", "glibc", "musl"};
    return names[library];
}
