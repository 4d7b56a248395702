// SPDX-License-Identifier: MIT
#include "elf_file.h"

#include <string.h>

/* The kernel takes no more. */
enum {
    SEGMENTS_MAX = 65536 / sizeof(Elf64_Phdr)
};

static enum elf_result check_identity(const struct file_bytes *bytes)
{
    unsigned char identity[EI_NIDENT];
    if (!file_bytes_read(bytes, 0, identity, SELFMAG) || memcmp(identity, ELFMAG, SELFMAG) != 0)
        return ELF_NOT_ELF;
    if (!file_bytes_read(bytes, 0, identity, sizeof identity))
        return ELF_DAMAGED;
    if (identity[EI_CLASS] != ELFCLASS64)
        return identity[EI_CLASS] == ELFCLASS32 ? ELF_NOT_64_BIT : ELF_DAMAGED;
    if (identity[EI_DATA] != ELFDATA2LSB)
        return identity[EI_DATA] == ELFDATA2MSB ? ELF_BIG_ENDIAN : ELF_DAMAGED;
    return ELF_GOOD;
}

static bool read_header(struct elf_file *elf)
{
    return file_bytes_read(&elf->bytes, 0, &elf->header, sizeof elf->header) &&
           (elf->header.e_type == ET_EXEC || elf->header.e_type == ET_DYN) &&
           elf->header.e_phentsize == sizeof(Elf64_Phdr) && elf->header.e_phnum != 0 &&
           elf->header.e_phnum <= SEGMENTS_MAX;
}

static bool read_segment(const struct elf_file *elf, uint64_t index, Elf64_Phdr *segment)
{
    return index < elf->header.e_phnum &&
           file_bytes_read(&elf->bytes, elf->header.e_phoff + index * sizeof *segment, segment, sizeof *segment);
}

static bool lies_inside(const struct elf_file *elf, const Elf64_Phdr *segment)
{
    return segment->p_offset <= elf->bytes.count && segment->p_filesz <= elf->bytes.count - segment->p_offset;
}

/* The interpreter's name is the whole of its segment, with the 0 that ends it. */
static bool take_interpreter(struct elf_file *elf, const Elf64_Phdr *segment)
{
    const char *name = file_bytes_string(&elf->bytes, segment->p_offset);
    if (elf->interpreter != NULL) /* the kernel takes the first */
        return true;
    if (name == NULL || *name == '\0' || strlen(name) >= segment->p_filesz)
        return false;
    elf->interpreter = name;
    return true;
}

static bool read_segments(struct elf_file *elf)
{
    for (uint64_t i = 0; i < elf->header.e_phnum; i++) {
        Elf64_Phdr segment;
        if (!read_segment(elf, i, &segment))
            return false;
        bool matters = segment.p_type == PT_LOAD || segment.p_type == PT_DYNAMIC || segment.p_type == PT_INTERP;
        if (matters && !lies_inside(elf, &segment))
            return false;
        if (segment.p_type == PT_INTERP && !take_interpreter(elf, &segment))
            return false;
        if (segment.p_type == PT_DYNAMIC)
            elf->dynamic = segment;
    }
    return true;
}

/* Where in the file stands what is loaded at `address`; 0: nowhere. */
static uint64_t offset_of(const struct elf_file *elf, uint64_t address)
{
    Elf64_Phdr segment;
    for (uint64_t i = 0; read_segment(elf, i, &segment); i++)
        if (segment.p_type == PT_LOAD && address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz)
            return segment.p_offset + (address - segment.p_vaddr);
    return 0;
}

static bool read_dynamic(const struct elf_file *elf, uint64_t index, Elf64_Dyn *entry)
{
    return elf->dynamic.p_type == PT_DYNAMIC && index < elf->dynamic.p_filesz / sizeof *entry &&
           file_bytes_read(&elf->bytes, elf->dynamic.p_offset + index * sizeof *entry, entry, sizeof *entry) &&
           entry->d_tag != DT_NULL;
}

/* A table's address, and then its offset. */
static uint64_t *place_of(struct elf_file *elf, int64_t tag)
{
    switch (tag) {
    case DT_STRTAB:
        return &elf->strings;
    case DT_SYMTAB:
        return &elf->symbols;
    case DT_GNU_HASH:
        return &elf->gnu_hash;
    case DT_HASH:
        return &elf->sysv_hash;
    default:
        return NULL;
    }
}

static bool address_to_offset(const struct elf_file *elf, uint64_t *place)
{
    if (*place == 0)
        return true;
    *place = offset_of(elf, *place);
    return *place != 0;
}

static bool read_dynamic_section(struct elf_file *elf)
{
    Elf64_Dyn entry;
    for (uint64_t i = 0; read_dynamic(elf, i, &entry); i++) {
        uint64_t *place = place_of(elf, entry.d_tag);
        if (place != NULL)
            *place = entry.d_un.d_ptr;
    }
    return address_to_offset(elf, &elf->strings) && address_to_offset(elf, &elf->symbols) &&
           address_to_offset(elf, &elf->gnu_hash) && address_to_offset(elf, &elf->sysv_hash);
}

enum elf_result elf_file_open(struct elf_file *elf, const struct file_bytes *bytes)
{
    *elf = (struct elf_file){.bytes = *bytes};
    enum elf_result result = check_identity(bytes);
    if (result != ELF_GOOD)
        return result;
    return read_header(elf) && read_segments(elf) && read_dynamic_section(elf) ? ELF_GOOD : ELF_DAMAGED;
}

const char *elf_file_next_needed(const struct elf_file *elf, uint64_t *position)
{
    Elf64_Dyn entry;
    while (elf->strings != 0 && read_dynamic(elf, *position, &entry)) {
        ++*position;
        if (entry.d_tag == DT_NEEDED)
            return file_bytes_string(&elf->bytes, elf->strings + entry.d_un.d_val);
    }
    return NULL;
}
