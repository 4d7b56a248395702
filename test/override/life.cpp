// SPDX-License-Identifier: MIT
// Allocates and frees at every time of a process's life. Its own status is 2; what runs last makes it 0, so a handler
// that never ran is seen. Argument: exit, or quick_exit.
#include "program.h"

#include <initializer_list>

namespace {

enum Time {
    PREINIT,
    CONSTRUCTOR,
    STATIC_OBJECT,
    MAIN,
    EXIT_HANDLER,
    STATIC_DESTRUCTOR,
    DESTRUCTOR,
    TIMES
};

unsigned char *made_at[TIMES];

void live_at(Time time)
{
    made_at[time] = make_block(1000);
    REQUIRE(is_hakmems(made_at[time]));
    REQUIRE(work(200, 300000, time));
}

void end_well(std::initializer_list<Time> times)
{
    for (Time time : times) {
        REQUIRE(made_at[time] != nullptr);
        free_block(made_at[time]);
    }
    _exit(0);
}

void run_at_preinit(int, char **, char **)
{
    live_at(PREINIT);
}

__attribute__((section(".preinit_array"), used)) void (*const preinit)(int, char **, char **) = run_at_preinit;

__attribute__((constructor(101))) void run_before_static_objects()
{
    live_at(CONSTRUCTOR);
}

/** Runs after every exit handler and static object. */
__attribute__((destructor(101))) void run_last()
{
    live_at(DESTRUCTOR);
    end_well({PREINIT, CONSTRUCTOR, STATIC_OBJECT, MAIN, EXIT_HANDLER, STATIC_DESTRUCTOR, DESTRUCTOR});
}

struct Static {
    Static() { live_at(STATIC_OBJECT); }
    ~Static() { live_at(STATIC_DESTRUCTOR); }
};

Static static_object;

} // namespace

int main(int argc, char **argv)
{
    REQUIRE(argc == 2);
    live_at(MAIN);
    if (strcmp(argv[1], "quick_exit") == 0) {
        REQUIRE(at_quick_exit([] { end_well({PREINIT, CONSTRUCTOR, STATIC_OBJECT, MAIN, EXIT_HANDLER}); }) == 0);
        REQUIRE(at_quick_exit([] { live_at(EXIT_HANDLER); }) == 0);
        quick_exit(2);
    }
    REQUIRE(atexit([] { live_at(EXIT_HANDLER); }) == 0);
    return 2;
}
