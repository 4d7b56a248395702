// SPDX-License-Identifier: MIT
// 200 forks while 64 threads allocate: each child works, frees what the parent made, and ends with 0.
#include "program.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>

enum {
    THREADS = 64,
    FORKS = 200,
    KEPT = 20,
    NICE = 10, /* else most of the time passes while the forking thread waits for its turn */
    HANG_SECONDS = 60
};

static unsigned char *kept[THREADS][KEPT];
static int started;
static volatile bool stop;

static void *be_busy(void *argument)
{
    unsigned char **own = argument;
    errno = 0;
    REQUIRE(nice(NICE) != -1 || errno == 0); /* on Linux, of this thread alone */
    for (int i = 0; i < KEPT; i++)
        own[i] = make_block((size_t)i * 1000);
    __atomic_fetch_add(&started, 1, __ATOMIC_RELEASE);
    for (uint64_t seed = 0; !stop; seed++)
        work(50, 20000, seed);
    return NULL;
}

static void live_as_child(void)
{
    alarm(HANG_SECONDS);
    REQUIRE(work(100, 100000, 1));
    for (int i = 0; i < THREADS; i++)
        for (int j = 0; j < KEPT; j++)
            free_block(kept[i][j]);
    exit(0);
}

int main(void)
{
    void *block = malloc(1);
    REQUIRE(is_hakmems(block));
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, be_busy, kept[i]) == 0);
    while (__atomic_load_n(&started, __ATOMIC_ACQUIRE) < THREADS)
        usleep(1000);
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0)
            live_as_child();
        int status = -1;
        REQUIRE(waitpid(child, &status, 0) == child && status == 0);
    }
    stop = true;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
