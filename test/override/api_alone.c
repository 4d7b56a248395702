// SPDX-License-Identifier: MIT
// Links hakmem::hakmem alone, which never defines malloc.
#define HAKMEM_TEST_STATIC
#include "program.h"

#include <hakmem/hakmem.h>

int main(void)
{
    void *of_libc = malloc(1), *of_hakmem = hak_alloc(1);
    REQUIRE(of_libc != NULL && !hak_owns(of_libc));
    REQUIRE(hak_owns(of_hakmem));
    free(of_libc);
    hak_free(of_hakmem);
    return 0;
}
