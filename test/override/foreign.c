// SPDX-License-Identifier: MIT
// Passes a pointer that is not hakmem's to a call. Arguments: the call; whose pointer. It says "survived" if it could.
#include "program.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>

static char of_the_program[64];

static void *pointer_of(const char *whose)
{
    if (strcmp(whose, "stack") == 0)
        return __builtin_frame_address(0);
    if (strcmp(whose, "program") == 0)
        return of_the_program;
    if (strcmp(whose, "mmap") == 0)
        return mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (strcmp(whose, "loader") == 0)
        return _r_debug.r_map;
    if (strcmp(whose, "interior") == 0)
        return (char *)malloc(100) + 8;
    exit(2);
}

int main(int argc, char **argv)
{
    void *block = malloc(1);
    REQUIRE(argc == 3 && is_hakmems(block));
    void *pointer = pointer_of(argv[2]);
    if (strcmp(argv[1], "free") == 0)
        free(pointer);
    else if (strcmp(argv[1], "realloc") == 0)
        REQUIRE(realloc(pointer, 100) == NULL);
    else if (strcmp(argv[1], "malloc_usable_size") == 0)
        REQUIRE(malloc_usable_size(pointer) == 0);
    else
        return 2;
    REQUIRE(work(1000, 100000, 1));
    puts("survived");
    return 0;
}
