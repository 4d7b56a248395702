// SPDX-License-Identifier: MIT
// Allocates and frees batches of blocks of one size again and again; batch.py counts what that executes.
#include <hakmem/hakmem.h>

#include <stdlib.h>

#define BLOCKS_MAX 64

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    void *blocks[BLOCKS_MAX];
    size_t size = strtoul(argv[1], NULL, 10);
    size_t count = strtoul(argv[2], NULL, 10);
    unsigned long rounds = strtoul(argv[3], NULL, 10);
    if (count > BLOCKS_MAX)
        return 2;
    for (unsigned long i = 0; i < rounds; i++) {
        if (hak_alloc_batch(size, count, blocks) != count)
            return 1;
        hak_free_batch(blocks, count);
    }
    return 0;
}
