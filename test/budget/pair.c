// SPDX-License-Identifier: MIT
// Allocates and frees one block of a run-time size again and again with ALLOCATE and RELEASE; called_pair.py counts
// what that executes.
#include <hakmem/hakmem.h>

#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    size_t size = strtoul(argv[1], NULL, 10);
    unsigned long count = strtoul(argv[2], NULL, 10);
    for (unsigned long i = 0; i < count; i++) {
        void *block = ALLOCATE(size);
        if (block == NULL)
            return 1;
        RELEASE(block);
    }
    return 0;
}
