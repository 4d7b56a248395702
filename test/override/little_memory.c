// SPDX-License-Identifier: MIT
// Runs into a limit, frees, and goes on. Argument: "data", and the program limits itself; "as it is", and somebody else
// has.
#include "program.h"

#include <errno.h>
#include <sys/resource.h>

enum {
    BLOCKS = 100000
};

static unsigned char *blocks[BLOCKS];

/* How many blocks of this size there is memory for. */
static int fill(size_t size)
{
    int made = 0;
    errno = 0;
    while (made < BLOCKS && (blocks[made] = make_block(size)) != NULL)
        made++;
    REQUIRE(made < BLOCKS && errno == ENOMEM);
    return made;
}

static void empty(int made)
{
    for (int i = 0; i < made; i++)
        free_block(blocks[i]);
}

int main(int argc, char **argv)
{
    struct rlimit limit = {48 << 20, 48 << 20};
    void *block = malloc(1);
    REQUIRE(argc == 2 && is_hakmems(block));
    if (strcmp(argv[1], "data") == 0)
        REQUIRE(setrlimit(RLIMIT_DATA, &limit) == 0);
    static const size_t sizes[] = {1000, 20000, 500000};
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 3; i++) {
            int made = fill(sizes[i]);
            REQUIRE(made > 0);
            empty(made);
        }
    REQUIRE(work(10000, 20000, 1));
    return 0;
}
