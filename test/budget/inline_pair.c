// SPDX-License-Identifier: MIT
// Allocates and frees a block of a constant size by the inlined calls, ten times a round; inline_pair.py counts what
// that executes. Arguments: "free" or "free_sized", the number of rounds.
#include <hakmem/inline.h>

#include <stdlib.h>
#include <string.h>

#define BYTES 64

/* The compiler must not know where the block comes from. */
#define PAIR(release)                                                                                                  \
    do {                                                                                                               \
        void *block = hak_alloc_inline(BYTES);                                                                         \
        __asm__ volatile("" : "+r"(block));                                                                            \
        release;                                                                                                       \
    } while (0)
#define FIVE_PAIRS(release)                                                                                            \
    PAIR(release);                                                                                                     \
    PAIR(release);                                                                                                     \
    PAIR(release);                                                                                                     \
    PAIR(release);                                                                                                     \
    PAIR(release)

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    unsigned long rounds = strtoul(argv[2], NULL, 10);
    if (strcmp(argv[1], "free") == 0) {
        for (; rounds != 0; rounds--) {
            FIVE_PAIRS(hak_free_inline(block));
            FIVE_PAIRS(hak_free_inline(block));
        }
    } else {
        for (; rounds != 0; rounds--) {
            FIVE_PAIRS(hak_free_sized_inline(block, BYTES));
            FIVE_PAIRS(hak_free_sized_inline(block, BYTES));
        }
    }
    return 0;
}
