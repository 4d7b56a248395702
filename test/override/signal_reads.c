// SPDX-License-Identifier: MIT
// A signal handler that reads blocks, while the program it interrupts is inside malloc most of the time.
#include "program.h"

#include <signal.h>
#include <sys/time.h>

static unsigned char *volatile block;
static volatile sig_atomic_t signals, damaged;

static void look(int number)
{
    (void)number;
    signals++;
    if (!is_whole(block))
        damaged++;
}

int main(void)
{
    block = make_block(5000);
    REQUIRE(is_hakmems(block));
    struct sigaction action = {.sa_handler = look, .sa_flags = SA_RESTART};
    struct itimerval each = {{0, 200}, {0, 200}};
    REQUIRE(sigaction(SIGALRM, &action, NULL) == 0);
    REQUIRE(setitimer(ITIMER_REAL, &each, NULL) == 0);
    for (uint64_t seed = 0; signals < 1000; seed++)
        REQUIRE(work(100, 300000, seed));
    REQUIRE(damaged == 0);
    return 0;
}
