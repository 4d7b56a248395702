// SPDX-License-Identifier: MIT
// A program that is linked with the drop-in, and gets its memory only from functions of the C library.
#include <stdlib.h>
#include <string.h>

#include <hakmem/hakmem.h>

int main()
{
    char *copy = strdup("hakmem");
    int is_ours = copy != NULL && hak_owns(copy);
    hak_free(copy);
    return is_ours ? 0 : 1;
}
