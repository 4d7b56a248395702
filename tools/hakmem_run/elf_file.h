// SPDX-License-Identifier: MIT
// What a 64-bit little-endian ELF file says about how it is loaded.
#ifndef HAKMEM_RUN_ELF_FILE_H
#define HAKMEM_RUN_ELF_FILE_H

#include <elf.h>

#include "file_bytes.h"

struct elf_file {
    struct file_bytes bytes;
    Elf64_Ehdr header;
    Elf64_Phdr dynamic;      /* p_type is PT_NULL where there is none */
    const char *interpreter; /* NULL: none */
    /* Offsets in the file, from the dynamic section; 0: none. */
    uint64_t strings;
    uint64_t symbols;
    uint64_t gnu_hash;
    uint64_t sysv_hash;
};

enum elf_result {
    ELF_GOOD,
    ELF_NOT_ELF,
    ELF_NOT_64_BIT,
    ELF_BIG_ENDIAN,
    ELF_DAMAGED
};

/* On ELF_GOOD `elf` refers to `bytes`, which stay the caller's. */
enum elf_result elf_file_open(struct elf_file *elf, const struct file_bytes *bytes);

/* Steps through the libraries it needs: `*position` begins at 0. NULL: no more. */
const char *elf_file_next_needed(const struct elf_file *elf, uint64_t *position);

#endif
