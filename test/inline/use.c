// SPDX-License-Identifier: MIT
// A C program with the header: one heap with the functions that are called, before main and in it.
#include <hakmem/inline.h>

#include <string.h>

static void *made_early;

__attribute__((constructor(102))) static void before_main(void)
{
    made_early = hak_alloc_inline(40);
}

static int use(size_t size)
{
    char *known = (char *)hak_alloc_inline(100);
    char *unknown = (char *)hak_alloc_inline(size);
    if (known == NULL || unknown == NULL)
        return 0;
    memset(known, 1, 100);
    memset(unknown, 2, size);
    int good = known[99] == 1 && hak_owns(known) && hak_usable_size(known) == hak_good_size(100);
    hak_free_sized_inline(known, 100);
    hak_free_inline(unknown);
    return good;
}

int main(int argc, char **argv)
{
    (void)argv;
    for (size_t i = 0; i < 1000; i++)
        if (!use((size_t)argc * i))
            return 1;
    hak_free_inline(made_early);
    return 0;
}
