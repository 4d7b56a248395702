// SPDX-License-Identifier: MIT
// Linked with -static and the archive: malloc, the C library's own blocks, threads and fork.
#define HAKMEM_TEST_STATIC
#include "program.h"

#include <hakmem/hakmem.h>

#include <malloc.h>
#include <pthread.h>
#include <sys/wait.h>

static void *use(void *nothing)
{
    REQUIRE(work(1000, 300000, 1));
    return nothing;
}

int main(void)
{
    void *block = malloc(1);
    char *text = strdup("text");
    REQUIRE(hak_owns(block) && hak_owns(text));
    hak_free(block);
    free(text);
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, use, NULL) == 0);
    pid_t child = fork();
    if (child == 0) {
        use(NULL);
        exit(0);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child && status == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    REQUIRE(mallinfo2().arena > 0 && mallopt(M_MMAP_MAX, 1) == 1);
    malloc_trim(0);
    return 0;
}
