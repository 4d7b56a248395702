// SPDX-License-Identifier: MIT
// Which functions an ELF file defines.
#ifndef HAKMEM_RUN_ELF_SYMBOLS_H
#define HAKMEM_RUN_ELF_SYMBOLS_H

#include "elf_file.h"

/* Whether the loader finds `name` in it: other objects see the function. */
bool elf_symbols_export(const struct elf_file *elf, const char *name);

/* Whether the linker put `name` into it, seen from outside or not. A stripped file does not tell. */
bool elf_symbols_contain(const struct elf_file *elf, const char *name);

#endif
