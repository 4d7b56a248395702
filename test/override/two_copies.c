// SPDX-License-Identifier: MIT
// Two copies of the drop-in in a process that uses another malloc: each has a heap, and frees its own. Arguments: both.
#include "program.h"

#include <pthread.h>

typedef void *alloc_function(size_t size);
typedef void free_function(void *block);

struct copy {
    alloc_function *alloc;
    free_function *free;
    owns *owns;
};

static struct copy copies[2];

static struct copy load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(library != NULL);
    struct copy copy = {(alloc_function *)dlsym(library, "malloc"), (free_function *)dlsym(library, "free"),
                        (owns *)dlsym(library, "hak_owns")};
    REQUIRE(copy.alloc != NULL && copy.free != NULL && copy.owns != NULL);
    return copy;
}

static void *use(void *nothing)
{
    for (size_t size = 1; size < 3000000; size += size / 3 + 1) {
        void *blocks[2];
        for (int i = 0; i < 2; i++) {
            blocks[i] = copies[i].alloc(size);
            memset(blocks[i], i, size);
        }
        for (int i = 0; i < 2; i++) {
            REQUIRE(copies[i].owns(blocks[i]) && !copies[1 - i].owns(blocks[i]));
            REQUIRE(((char *)blocks[i])[size - 1] == i);
            copies[i].free(blocks[i]);
        }
    }
    return nothing;
}

int main(int argc, char **argv)
{
    REQUIRE(argc == 3);
    void *mine = malloc(1);
    for (int i = 0; i < 2; i++)
        copies[i] = load(argv[i + 1]);
    REQUIRE(copies[0].alloc != copies[1].alloc);
    REQUIRE(!copies[0].owns(mine) && !copies[1].owns(mine));
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        REQUIRE(pthread_create(&threads[i], NULL, use, NULL) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    use(NULL);
    free(mine);
    return 0;
}
