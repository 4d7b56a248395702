// SPDX-License-Identifier: MIT
// vfork() and exec, and posix_spawn(), beside a thread that allocates; what is run is this program with an argument.
#include "program.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>

enum {
    STATUS_OF_CHILD = 7
};

extern char **environ;
static volatile bool stop;

static void *be_busy(void *nothing)
{
    for (uint64_t seed = 0; !stop; seed++)
        work(100, 300000, seed);
    return nothing;
}

static void require_child(pid_t child)
{
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == STATUS_OF_CHILD);
}

int main(int argc, char **argv)
{
    void *block = malloc(1);
    REQUIRE(is_hakmems(block));
    REQUIRE(work(1000, 300000, 1));
    if (argc > 1)
        return STATUS_OF_CHILD;
    char again[] = "again", *arguments[] = {argv[0], again, NULL};
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, be_busy, NULL) == 0);
    for (int i = 0; i < 20; i++) {
        pid_t child = vfork();
        if (child == 0) {
            execv(argv[0], arguments);
            _exit(1);
        }
        require_child(child);
        REQUIRE(posix_spawn(&child, argv[0], NULL, NULL, arguments, environ) == 0);
        require_child(child);
    }
    stop = true;
    pthread_join(thread, NULL);
    return 0;
}
