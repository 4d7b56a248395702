// SPDX-License-Identifier: MIT
#include "elf_symbols.h"

/* --------------------------------------------------------------------------------------------- one symbol ---- */

static bool is_function(const Elf64_Sym *symbol)
{
    unsigned type = ELF64_ST_TYPE(symbol->st_info);
    return symbol->st_shndx != SHN_UNDEF && (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

/* Whether symbol number `index` of the table at `symbols`, whose names stand at `strings`, is the function `name`. */
static bool is_named(const struct elf_file *elf, uint64_t symbols, uint64_t strings, uint64_t index, const char *name)
{
    Elf64_Sym symbol;
    return file_bytes_read(&elf->bytes, symbols + index * sizeof symbol, &symbol, sizeof symbol) &&
           is_function(&symbol) && file_bytes_hold(&elf->bytes, strings + symbol.st_name, name);
}

static bool read_word(const struct elf_file *elf, uint64_t offset, uint64_t index, uint32_t *word)
{
    return file_bytes_read(&elf->bytes, offset + index * sizeof *word, word, sizeof *word);
}

/* ------------------------------------------------------------------------------------- the loader's tables ---- */

static uint32_t gnu_hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (; *name != '\0'; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

/* A chain ends with an odd word, or at the end of the file. */
static bool find_by_gnu_hash(const struct elf_file *elf, const char *name)
{
    uint32_t bucket_count, first_symbol, filter_words, index, word;
    if (!read_word(elf, elf->gnu_hash, 0, &bucket_count) || !read_word(elf, elf->gnu_hash, 1, &first_symbol) ||
        !read_word(elf, elf->gnu_hash, 2, &filter_words) || bucket_count == 0)
        return false;
    uint32_t hash = gnu_hash_of(name);
    uint64_t buckets = elf->gnu_hash + 4 * sizeof word + filter_words * sizeof(uint64_t);
    uint64_t chains = buckets + bucket_count * (uint64_t)sizeof word;
    if (!read_word(elf, buckets, hash % bucket_count, &index) || index < first_symbol)
        return false;
    for (uint64_t i = index; read_word(elf, chains, i - first_symbol, &word); i++) {
        if ((word | 1) == (hash | 1) && is_named(elf, elf->symbols, elf->strings, i, name))
            return true;
        if ((word & 1) != 0)
            return false;
    }
    return false;
}

static uint32_t sysv_hash_of(const char *name)
{
    uint32_t hash = 0;
    for (; *name != '\0'; name++) {
        hash = (hash << 4) + (unsigned char)*name;
        hash ^= hash >> 24 & 0xf0;
        hash &= 0x0fffffff;
    }
    return hash;
}

/* A chain in a good file has no more links than there are symbols; in a bad one it may be a circle. */
static bool find_by_sysv_hash(const struct elf_file *elf, const char *name)
{
    uint32_t bucket_count, symbol_count, index, last;
    if (!read_word(elf, elf->sysv_hash, 0, &bucket_count) || !read_word(elf, elf->sysv_hash, 1, &symbol_count) ||
        bucket_count == 0 || symbol_count == 0)
        return false;
    uint64_t buckets = elf->sysv_hash + 2 * sizeof index;
    uint64_t chains = buckets + bucket_count * (uint64_t)sizeof index;
    if (!read_word(elf, chains, symbol_count - 1, &last) ||
        !read_word(elf, buckets, sysv_hash_of(name) % bucket_count, &index))
        return false;
    for (uint32_t links = 0; index != STN_UNDEF && links < symbol_count; links++) {
        if (is_named(elf, elf->symbols, elf->strings, index, name))
            return true;
        if (!read_word(elf, chains, index, &index))
            return false;
    }
    return false;
}

bool elf_symbols_export(const struct elf_file *elf, const char *name)
{
    if (elf->symbols == 0 || elf->strings == 0)
        return false;
    return (elf->gnu_hash != 0 && find_by_gnu_hash(elf, name)) || (elf->sysv_hash != 0 && find_by_sysv_hash(elf, name));
}

/* ------------------------------------------------------------------------------------- the linker's table ---- */

static bool read_section(const struct elf_file *elf, uint64_t index, Elf64_Shdr *section)
{
    return elf->header.e_shentsize == sizeof *section && index < elf->header.e_shnum &&
           file_bytes_read(&elf->bytes, elf->header.e_shoff + index * sizeof *section, section, sizeof *section);
}

static bool table_contains(const struct elf_file *elf, const Elf64_Shdr *table, const char *name)
{
    Elf64_Shdr strings;
    if (!read_section(elf, table->sh_link, &strings) || table->sh_offset > elf->bytes.count ||
        table->sh_size > elf->bytes.count - table->sh_offset)
        return false;
    for (uint64_t i = 0; i < table->sh_size / sizeof(Elf64_Sym); i++)
        if (is_named(elf, table->sh_offset, strings.sh_offset, i, name))
            return true;
    return false;
}

bool elf_symbols_contain(const struct elf_file *elf, const char *name)
{
    Elf64_Shdr section;
    for (uint64_t i = 0; read_section(elf, i, &section); i++)
        if (section.sh_type == SHT_SYMTAB) /* there is one at most */
            return table_contains(elf, &section, name);
    return false;
}
