// SPDX-License-Identifier: MIT
// The process has nearly as many mappings as it may: what needs one more is refused, and everything works again later.
#include "program.h"

#include <errno.h>
#include <malloc.h>
#include <sys/mman.h>

enum {
    MOST_TO_FILL = 300000, /* filling takes too long where more are allowed */
    LEFT_MAX = 8,
    KEPT = 200
};

static size_t page;
static unsigned char *kept[KEPT];

/* Mappings of every other page, which makes two of each. */
struct filling {
    char *start;
    size_t bytes;
    size_t used; /* up to here the pages differ */
};

static size_t read_most(void)
{
    FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
    size_t most = 0;
    if (file == NULL || fscanf(file, "%zu", &most) != 1 || most > MOST_TO_FILL) {
        puts("skipped: the limit on mappings is not told here, or too high to be reached");
        exit(0);
    }
    fclose(file);
    return most;
}

static struct filling fill(size_t most)
{
    struct filling filling = {.bytes = (most + 2) * page};
    filling.start = mmap(NULL, filling.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(filling.start != MAP_FAILED);
    while (mprotect(filling.start + filling.used, page, PROT_READ) == 0)
        filling.used += 2 * page;
    REQUIRE(errno == ENOMEM && filling.used < filling.bytes);
    return filling;
}

/* Two mappings fewer each time. */
static void leave_some(struct filling *filling, size_t count)
{
    for (size_t i = 0; i < count; i++)
        REQUIRE(mprotect(filling->start + 2 * i * page, page, PROT_NONE) == 0);
}

/* The content must be there whatever becomes of the call. */
static void grow_a_block(void)
{
    size_t size = 300000;
    unsigned char *block = make_block(size);
    for (size_t larger = size; block != NULL && larger < 60000000; larger += larger / 2) {
        void *in_the_way = malloc(larger);
        unsigned char *moved = realloc(block, larger);
        REQUIRE(moved != NULL || errno == ENOMEM);
        block = moved != NULL ? moved : block;
        REQUIRE(is_whole(block));
        free(in_the_way);
    }
    free_block(block);
}

static void use(size_t *refusals)
{
    static const size_t largest[] = {5000, 100000, 2000000, 50000000};
    for (size_t i = 0; i < sizeof largest / sizeof *largest; i++) {
        errno = 0;
        bool served = work(3000, largest[i], i);
        REQUIRE(served || errno == ENOMEM);
        *refusals += !served;
    }
    grow_a_block();
    malloc_trim(0);
    for (int i = 0; i < KEPT; i++)
        REQUIRE(is_whole(kept[i]));
}

int main(void)
{
    page = (size_t)sysconf(_SC_PAGESIZE);
    size_t most = read_most(), refusals = 0;
    for (int i = 0; i < KEPT; i++)
        REQUIRE((kept[i] = make_block((size_t)(i * i) * 10)) != NULL && is_hakmems(kept[i]));
    struct filling filling = fill(most);
    for (size_t left = 0; left < LEFT_MAX; left++) {
        use(&refusals);
        leave_some(&filling, left);
    }
    printf("%zu of %d rounds of work were refused memory\n", refusals, 4 * LEFT_MAX);
    REQUIRE(refusals <= LEFT_MAX); /* hakmem's memory grows where it is, which takes no mapping more */
    REQUIRE(munmap(filling.start, filling.bytes) == 0);
    refusals = 0;
    use(&refusals);
    REQUIRE(refusals == 0);
    for (int i = 0; i < KEPT; i++)
        free_block(kept[i]);
    return 0;
}
