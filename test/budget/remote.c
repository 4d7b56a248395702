// SPDX-License-Identifier: MIT
// Allocates blocks of one size in the order of their addresses, and frees them in another thread, which may allocate
// one of the same size before each; remote.py counts what the frees execute.
#include <hakmem/hakmem.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void **blocks;
static size_t count;
static size_t size;

static void *free_them(void *arg)
{
    for (size_t i = 0; i < count; i++)
        hak_free(blocks[i]);
    return arg;
}

static void *replace_them(void *arg)
{
    for (size_t i = 0; i < count; i++) {
        if (hak_alloc(size) == NULL)
            abort();
        hak_free(blocks[i]);
    }
    return arg;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    void *(*work)(void *) = strcmp(argv[1], "replace") == 0 ? replace_them : free_them;
    size = strtoul(argv[2], NULL, 10);
    count = strtoul(argv[3], NULL, 10);
    size_t freed = strtoul(argv[4], NULL, 10);
    blocks = calloc(count, sizeof *blocks);
    if (blocks == NULL || freed > count || hak_alloc_batch(size, count, blocks) != count)
        return 1;
    count = freed;
    pthread_t thread;
    return pthread_create(&thread, NULL, work, NULL) != 0 || pthread_join(thread, NULL) != 0;
}
