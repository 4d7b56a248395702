// SPDX-License-Identifier: MIT
// A program in C, over the drop-in, calls operator new although there is no C++ runtime to throw; then it loads a C++
// plugin that runs out of memory as in any C++ program. Argument: the plugin.
#include "program.h"

#include <signal.h>
#include <sys/wait.h>

typedef bool throws_function(void);
typedef void *new_function(size_t size);

static const char last_words[] = "hakmem: out of memory in operator new, and no C++ runtime to throw std::bad_alloc\n";

static void require_death(new_function *operator_new)
{
    int ends[2], status = -1;
    char text[200] = "";
    REQUIRE(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        operator_new(PTRDIFF_MAX - 100);
        _exit(0);
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    REQUIRE(read(ends[0], text, sizeof text - 1) > 0);
    REQUIRE(strcmp(text, last_words) == 0);
}

int main(int argc, char **argv)
{
    new_function *operator_new = (new_function *)dlsym(RTLD_DEFAULT, "_Znwm");
    REQUIRE(argc == 2 && operator_new != NULL);
    void *block = operator_new(100);
    REQUIRE(is_hakmems(block));
    free(block);
    require_death(operator_new);
    void *plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    REQUIRE(plugin != NULL);
    throws_function *throws = (throws_function *)dlsym(plugin, "plugin_throws");
    REQUIRE(throws != NULL && throws());
    return 0;
}
