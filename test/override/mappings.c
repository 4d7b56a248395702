// SPDX-License-Identifier: MIT
// Counts the process's mappings before and after work that allocates in every way: blocks of all sizes by several
// threads, many arrays that grow at a time, memory that goes back and is used again. Argument: how many mappings the
// work may leave; 0: any number. It prints both counts and the most.
#include "program.h"

#include <fcntl.h>
#include <pthread.h>

enum {
    THREADS = 4,
    STACK_BYTES = 1 << 18,
    ARRAYS = 200
};

/* Lines of /proc/self/maps, read without allocating. */
static int count_mappings(void)
{
    static char text[1 << 16];
    int count = 0;
    int file = open("/proc/self/maps", O_RDONLY);
    REQUIRE(file >= 0);
    for (ssize_t length; (length = read(file, text, sizeof text)) > 0;)
        for (ssize_t i = 0; i < length; i++)
            count += text[i] == '\n';
    close(file);
    return count;
}

static int most;

static void look(const char *after)
{
    int now = count_mappings();
    most = now > most ? now : most;
    printf("%5d mappings after %s\n", now, after);
}

/* ---------------------------------------------------------------------------------------------------- the work ---- */

static void *use(void *seed)
{
    static const size_t largest[] = {5000, 40000, 300000, 4000000, 40000000};
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof largest / sizeof *largest; i++)
            REQUIRE(work(largest[i] > 1000000 ? 500 : 20000, largest[i], (uintptr_t)seed + (uintptr_t)round * 10 + i));
    return NULL;
}

/* On stacks of the program's own, for each that the C library makes is a mapping. */
static void use_threads(void)
{
    static char stacks[THREADS][STACK_BYTES] __attribute__((aligned(4096)));
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        pthread_attr_t attributes;
        REQUIRE(pthread_attr_init(&attributes) == 0);
        REQUIRE(pthread_attr_setstack(&attributes, stacks[i], STACK_BYTES) == 0);
        REQUIRE(pthread_create(&threads[i], &attributes, use, (void *)(i * 1000)) == 0);
        pthread_attr_destroy(&attributes);
    }
    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
}

/* Each is moved now and then, to where there is room to grow. */
static void grow_arrays(void)
{
    static char *arrays[ARRAYS];
    for (size_t size = 1000; size < 4000000; size += size / 2)
        for (int i = 0; i < ARRAYS; i++) {
            arrays[i] = realloc(arrays[i], size);
            REQUIRE(arrays[i] != NULL);
            arrays[i][size - 1] = 1;
        }
    look("arrays have grown");
    for (int i = 0; i < ARRAYS; i++) {
        free(arrays[i]);
        arrays[i] = NULL;
    }
}

/* So much that slabs are in huge pages; every other block goes, so that the pages are given back in part. */
static void fill_and_thin(size_t size, size_t bytes)
{
    size_t count = bytes / size;
    char **blocks = malloc(count * sizeof *blocks);
    REQUIRE(blocks != NULL);
    for (size_t i = 0; i < count; i++)
        REQUIRE((blocks[i] = malloc(size)) != NULL && memset(blocks[i], 1, size));
    for (size_t step = 2; step <= 64; step *= 2)
        for (size_t i = 0; i < count; i++)
            if (blocks[i] != NULL && i / 64 % step != 0) {
                free(blocks[i]);
                blocks[i] = NULL;
            }
    look("blocks were thinned out");
    for (size_t i = 0; i < count; i++)
        free(blocks[i]);
    free(blocks);
}

int main(int argc, char **argv)
{
    REQUIRE(argc == 2);
    int before = count_mappings();
    most = before;
    printf("%5d mappings before\n", before);
    for (int round = 0; round < 2; round++) {
        fill_and_thin(200, 150 << 20);
        fill_and_thin(3000, 150 << 20);
        use_threads();
        look("threads");
        grow_arrays();
        fill_and_thin(100000, 150 << 20);
        fill_and_thin(3000000, 300 << 20);
        look("all");
    }
    printf("%d mappings more at most\n", most - before);
    int allowed = atoi(argv[1]);
    fflush(stdout);
    REQUIRE(allowed == 0 || most - before <= allowed);
    return 0;
}
