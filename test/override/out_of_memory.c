// SPDX-License-Identifier: MIT
// Works, and ends with 9 as soon as there is no memory. The empty write
// tells who counts the memory calls that those before it were the loader's.
#include "program.h"

enum {
    OUT_OF_MEMORY = 9
};

int main(void)
{
    REQUIRE(write(STDOUT_FILENO, "", 0) == 0);
    void *block = malloc(1);
    if (block == NULL)
        return OUT_OF_MEMORY;
    REQUIRE(is_hakmems(block));
    for (uint64_t seed = 0; seed < 3; seed++)
        if (!work(300, 10000000, seed))
            return OUT_OF_MEMORY;
    return 0;
}
