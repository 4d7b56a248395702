// SPDX-License-Identifier: MIT
// Forty keys exist before the first block: the C library then allocates to keep hakmem's own.
#include "program.h"

#include <pthread.h>

enum {
    KEYS = 40,
    THREADS = 20
};

static pthread_key_t keys[KEYS];
static int ended;

static void at_end(void *value)
{
    free_block(value);
    __atomic_fetch_add(&ended, 1, __ATOMIC_RELAXED);
}

static void make_keys(int argc, char **argv, char **environment)
{
    (void)argc, (void)argv, (void)environment;
    for (int i = 0; i < KEYS; i++)
        REQUIRE(pthread_key_create(&keys[i], at_end) == 0);
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **, char **) = make_keys;

static void *live(void *nothing)
{
    for (int i = 0; i < KEYS; i++)
        REQUIRE(pthread_setspecific(keys[i], make_block(100)) == 0);
    REQUIRE(work(200, 300000, 1));
    return nothing;
}

int main(void)
{
    unsigned char *block = make_block(1);
    REQUIRE(is_hakmems(block));
    free_block(block);
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, live, NULL) == 0);
        REQUIRE(pthread_join(thread, NULL) == 0);
    }
    REQUIRE(ended == KEYS * THREADS);
    return 0;
}
