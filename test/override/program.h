// SPDX-License-Identifier: MIT
// What the small programs share: how they fail, whose a block is, and work that would show a damaged heap. In C and
// C++.
#ifndef HAKMEM_TEST_OVERRIDE_PROGRAM_H
#define HAKMEM_TEST_OVERRIDE_PROGRAM_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUIRE(condition) ((condition) ? (void)0 : fail(#condition, __FILE__, __LINE__))

static inline void fail(const char *condition, const char *file, int line)
{
    dprintf(STDERR_FILENO, "%s:%d: not so: %s\n", file, line, condition);
    _exit(1);
}

#if !defined(HAKMEM_TEST_STATIC)
typedef bool owns(const void *address);

/* Looked for at run time, so that the same program can be linked with the library or run with it preloaded. */
static inline bool is_hakmems(const void *block)
{
    owns *hak_owns = (owns *)dlsym(RTLD_DEFAULT, "hak_owns");
    return hak_owns != NULL && hak_owns(block);
}
#endif

/* A block with its size and a pattern in it, NULL where there is no memory. */
static inline unsigned char *make_block(size_t size)
{
    unsigned char *block = (unsigned char *)malloc(size + sizeof size);
    if (block == NULL)
        return NULL;
    memcpy(block, &size, sizeof size);
    memset(block + sizeof size, (int)(size % 251), size);
    return block;
}

static inline bool is_whole(const unsigned char *block)
{
    size_t size;
    memcpy(&size, block, sizeof size);
    const unsigned char *bytes = block + sizeof size;
    return size == 0 || (bytes[0] == size % 251 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static inline void free_block(unsigned char *block)
{
    if (block != NULL)
        REQUIRE(is_whole(block));
    free(block);
}

enum {
    BLOCKS_IN_WORK = 100
};

/* Makes, resizes, checks and frees blocks of mixed sizes up to `largest`; false: at some time there was no memory. */
static inline bool work(size_t rounds, size_t largest, uint64_t seed)
{
    unsigned char *blocks[BLOCKS_IN_WORK] = {0};
    bool served = true;
    for (size_t i = 0; i < rounds; i++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        unsigned char **at = &blocks[(seed >> 33) % BLOCKS_IN_WORK];
        size_t size = (size_t)(seed >> 40) % (largest >> ((seed >> 25) % 13)) + 1;
        if (*at != NULL && seed % 3 == 0) {
            REQUIRE(is_whole(*at));
            unsigned char *resized = (unsigned char *)realloc(*at, size + sizeof size);
            served = served && resized != NULL;
            if (resized == NULL)
                continue;
            memcpy(resized, &size, sizeof size);
            memset(resized + sizeof size, (int)(size % 251), size);
            *at = resized;
            continue;
        }
        free_block(*at);
        *at = make_block(size);
        served = served && *at != NULL;
    }
    for (size_t i = 0; i < BLOCKS_IN_WORK; i++)
        free_block(blocks[i]);
    return served;
}

#endif
