// SPDX-License-Identifier: MIT
// Handlers of pthread_atfork() that allocate. Argument: when they are registered. "main": after the library's own, so
// the first of them runs before those; "preinit": before anything was allocated.
#include "program.h"

#include <pthread.h>
#include <sys/wait.h>

static int prepared, in_parent, in_child;
static unsigned char *made_before;
static volatile bool stop;

static void prepare(void)
{
    made_before = make_block(70000);
    REQUIRE(work(100, 3000000, 1));
    prepared++;
}

static void go_on_in_parent(void)
{
    REQUIRE(work(100, 3000000, 2));
    free_block(made_before);
    in_parent++;
}

static void go_on_in_child(void)
{
    REQUIRE(work(100, 3000000, 3));
    free_block(made_before);
    in_child++;
}

static void watch(void)
{
    REQUIRE(pthread_atfork(prepare, go_on_in_parent, go_on_in_child) == 0);
}

static void run_at_preinit(int argc, char **argv, char **environment)
{
    (void)environment;
    if (argc > 1 && strcmp(argv[1], "preinit") == 0)
        watch();
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **, char **) = run_at_preinit;

static void *be_busy(void *nothing)
{
    for (uint64_t seed = 0; !stop; seed++)
        work(100, 300000, seed);
    return nothing;
}

int main(int argc, char **argv)
{
    void *block = malloc(1);
    REQUIRE(argc == 2 && is_hakmems(block));
    if (strcmp(argv[1], "main") == 0)
        watch();
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, be_busy, NULL) == 0);
    for (int i = 1; i <= 20; i++) {
        pid_t child = fork();
        if (child == 0) {
            REQUIRE(work(100, 300000, 4));
            exit(in_child == 1 ? 0 : 1);
        }
        int status = -1;
        REQUIRE(waitpid(child, &status, 0) == child && status == 0);
        REQUIRE(prepared == i && in_parent == i);
    }
    stop = true;
    pthread_join(thread, NULL);
    return 0;
}
