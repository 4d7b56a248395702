// SPDX-License-Identifier: MIT
// A process whose first use of hakmem's own functions is in a handler of pthread_atfork(), registered before the
// library's, with threads that begin to use it at that very time. The child must be able to work and to fork.
#define HAKMEM_TEST_STATIC
#include "program.h"

#include <hakmem/hakmem.h>

#include <pthread.h>
#include <sys/wait.h>

#define THREADS 3
#define BLOCKS 200
#define HANG_SECONDS 20

static volatile bool begun, stop;

static void use_blocks(void)
{
    void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        REQUIRE((blocks[i] = hak_alloc(3000 + i * 500)) != NULL);
    }
    hak_free_batch(blocks, BLOCKS);
}

static void prepare(void)
{
    if (begun) {
        return;
    }
    hak_free(hak_alloc(10));
    begun = true;
    usleep(20000); // the threads are at work when the process is copied
}

static void watch(void)
{
    REQUIRE(pthread_atfork(prepare, NULL, NULL) == 0);
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(void) = watch;

static void *be_busy(void *nothing)
{
    while (!begun) {
    }
    while (!stop) {
        use_blocks();
    }
    return nothing;
}

int main(void)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, be_busy, NULL) == 0);
    }
    pid_t child = fork();
    if (child == 0) {
        alarm(HANG_SECONDS);
        use_blocks();
        pid_t grandchild = fork();
        if (grandchild == 0) {
            _exit(0);
        }
        int status = -1;
        _exit(waitpid(grandchild, &status, 0) == grandchild && status == 0 ? 0 : 1);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child && status == 0);
    stop = true;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}
