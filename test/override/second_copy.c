// SPDX-License-Identifier: MIT
// A second copy of the drop-in, loaded into a process that has the first: there is one heap. Argument: the second.
#include "program.h"

typedef void *alloc_function(size_t size);
typedef void free_function(void *block);

int main(int argc, char **argv)
{
    void *block = malloc(1);
    REQUIRE(argc == 2 && is_hakmems(block));
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    REQUIRE(library != NULL);
    alloc_function *second_malloc = (alloc_function *)dlsym(library, "malloc");
    free_function *second_free = (free_function *)dlsym(library, "free");
    REQUIRE(second_malloc != NULL && second_malloc != malloc && second_free != NULL);
    for (size_t size = 1; size < 3000000; size += size / 3 + 1) {
        void *of_second = second_malloc(size);
        REQUIRE(is_hakmems(of_second));
        free(of_second);
        second_free(malloc(size));
    }
    free(block);
    return 0;
}
