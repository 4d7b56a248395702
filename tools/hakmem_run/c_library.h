// SPDX-License-Identifier: MIT
// For which C library a program or library was built.
#ifndef HAKMEM_RUN_C_LIBRARY_H
#define HAKMEM_RUN_C_LIBRARY_H

#include "elf_file.h"

enum c_library {
    C_LIBRARY_UNKNOWN,
    C_LIBRARY_GLIBC,
    C_LIBRARY_MUSL
};

enum c_library c_library_of(const struct elf_file *elf);
const char *c_library_name(enum c_library library);

#endif
