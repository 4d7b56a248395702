// SPDX-License-Identifier: MIT
// A process without hakmem loads and unloads a library again and again, and has threads use it. Arguments: the library,
// and the names of its functions to allocate and to free.
#include "program.h"

#include <pthread.h>

enum {
    TIMES = 30,
    BLOCKS = 200
};

typedef void *alloc_function(size_t size);
typedef void free_function(void *block);

static alloc_function *library_alloc;
static free_function *library_free;

static void *use(void *nothing)
{
    unsigned char *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = library_alloc(i * 50 + 1);
        REQUIRE(blocks[i] != NULL);
        memset(blocks[i], (int)i, i * 50 + 1);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        REQUIRE(blocks[i][0] == i && blocks[i][i * 50] == i);
        library_free(blocks[i]);
    }
    return nothing;
}

int main(int argc, char **argv)
{
    REQUIRE(argc == 4);
    void *mine = malloc(100);
    REQUIRE(!is_hakmems(mine));
    for (int i = 0; i < TIMES; i++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (library == NULL)
            fprintf(stderr, "%s\n", dlerror());
        REQUIRE(library != NULL);
        library_alloc = (alloc_function *)dlsym(library, argv[2]);
        library_free = (free_function *)dlsym(library, argv[3]);
        owns *library_owns = (owns *)dlsym(library, "hak_owns");
        REQUIRE(library_alloc != NULL && library_free != NULL && library_owns != NULL);
        void *block = library_alloc(100);
        REQUIRE(library_owns(block) && !library_owns(mine));
        library_free(block);
        pthread_t threads[2];
        for (int t = 0; t < 2; t++)
            REQUIRE(pthread_create(&threads[t], NULL, use, NULL) == 0);
        if (i % 2 == 0)
            REQUIRE(dlclose(library) == 0); /* while they use it: it stays */
        for (int t = 0; t < 2; t++)
            REQUIRE(pthread_join(threads[t], NULL) == 0);
        if (i % 2 != 0)
            REQUIRE(dlclose(library) == 0);
    }
    REQUIRE(work(1000, 300000, 1));
    free(mine);
    return 0;
}
