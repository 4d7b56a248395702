// SPDX-License-Identifier: MIT
// A handler of pthread_atfork(), registered before the library's own, that forks itself. Argument: in which part,
// "prepare" or "parent".
#include "program.h"

#include <pthread.h>
#include <sys/wait.h>

static const char *part;
static bool inside;
static int nested;

static void fork_and_wait(void)
{
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child && status == 0);
}

static void nest_in(const char *this_part)
{
    if (inside || strcmp(part, this_part) != 0) {
        return;
    }
    inside = true;
    fork_and_wait();
    REQUIRE(work(500, 300000, 1)); // between the two forks, and still inside the outer one
    inside = false;
    nested++;
}

static void prepare(void)
{
    nest_in("prepare");
}

static void go_on_in_parent(void)
{
    nest_in("parent");
}

static void watch(int argc, char **argv, char **environment)
{
    (void)environment;
    part = argc > 1 ? argv[1] : "";
    REQUIRE(pthread_atfork(prepare, go_on_in_parent, NULL) == 0);
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **, char **) = watch;

int main(void)
{
    REQUIRE(work(500, 300000, 2));
    for (int i = 1; i <= 5; i++) {
        pid_t child = fork();
        if (child == 0) {
            exit(work(500, 300000, 3) ? 0 : 1);
        }
        int status = -1;
        REQUIRE(waitpid(child, &status, 0) == child && status == 0);
        REQUIRE(nested == i);
        REQUIRE(work(500, 300000, 4));
    }
    return 0;
}
