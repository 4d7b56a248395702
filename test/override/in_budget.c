// SPDX-License-Identifier: MIT
// Lives in a budget. Argument: "limits" prints both; "fill" runs into the hard one that the environment sets, frees and
// goes on, and prints the most that was resident; "handlers" runs into one of its own in handlers of fork().
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>

#include <hakmem/hakmem.h>

enum {
    BLOCKS = 400000
};

static unsigned char *blocks[BLOCKS];

static struct hak_stats statistics(void)
{
    __typeof__(hak_stats_get) *get = (__typeof__(hak_stats_get) *)dlsym(RTLD_DEFAULT, "hak_stats_get");
    struct hak_stats stats = {.size = sizeof stats};
    REQUIRE(get != NULL && get(&stats) == 0);
    return stats;
}

static void set_budget(size_t soft, size_t hard, hak_budget_callback *callback)
{
    __typeof__(hak_budget_set) *set = (__typeof__(hak_budget_set) *)dlsym(RTLD_DEFAULT, "hak_budget_set");
    REQUIRE(set != NULL && set(soft, hard, callback, NULL) == 0);
}

/* ----------------------------------------------------------------------------------------- limits of outside ---- */

static int print_limits(void)
{
    struct hak_stats stats = statistics();
    printf("%llu %llu\n", (unsigned long long)stats.budget_soft_bytes, (unsigned long long)stats.budget_hard_bytes);
    return 0;
}

static unsigned long long anonymous_kib(void)
{
    char text[2048] = {0};
    int file = open("/proc/self/smaps_rollup", O_RDONLY);
    REQUIRE(file >= 0 && read(file, text, sizeof text - 1) > 0);
    close(file);
    const char *line = strstr(text, "\nAnonymous:");
    REQUIRE(line != NULL);
    return strtoull(line + 11, NULL, 10);
}

static void fill_and_free(size_t size)
{
    int made = 0;
    errno = 0;
    while (made < BLOCKS && (blocks[made] = make_block(size)) != NULL)
        made++;
    REQUIRE(made < BLOCKS && errno == ENOMEM);
    REQUIRE(realloc(blocks[0], (size_t)1 << 30) == NULL && errno == ENOMEM);
    struct hak_stats stats = statistics();
    REQUIRE((size_t)made * size >= stats.budget_hard_bytes / 5 * 4 && stats.budget_refusals >= 2);
    printf("%llu\n", anonymous_kib());
    while (made > 0)
        free_block(blocks[--made]);
}

static int fill_all(void)
{
    static const size_t sizes[] = {200, 1000, 20000, 500000};
    memset(blocks, 1, sizeof blocks);
    printf("%llu\n", anonymous_kib());
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            fill_and_free(sizes[i]);
    REQUIRE(work(10000, 20000, 1));
    return 0;
}

/* -------------------------------------------------------------------------------------- in handlers of fork() ---- */

static volatile int calls; /* malloc is declared never to call back */
static int handlers_run;
static bool watched;

static void count_call(const struct hak_budget_event *event, void *arg)
{
    (void)arg;
    REQUIRE(event->charged_bytes != 0);
    calls++;
}

/* Every lock is held now: past soft and at hard, nothing is called, and nothing waits. */
static void run_short(void)
{
    if (!watched)
        return;
    int before = calls;
    void *block = malloc(3 << 20);
    REQUIRE(block != NULL && malloc(64 << 20) == NULL && calls == before);
    free(block);
    handlers_run++;
}

static void watch_early(int argc, char **argv, char **environment)
{
    (void)environment;
    if (argc > 1 && strcmp(argv[1], "handlers") == 0)
        REQUIRE(pthread_atfork(run_short, run_short, run_short) == 0);
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **, char **) = watch_early;

static int fork_with_handlers(void)
{
    size_t charged = statistics().charged_bytes;
    set_budget(charged + (1 << 20), charged + (16 << 20), count_call);
    watched = true;
    pid_t child = fork();
    if (child != 0) {
        int status = -1;
        REQUIRE(waitpid(child, &status, 0) == child && status == 0);
    }
    REQUIRE(handlers_run == 2);
    free(malloc(5 << 20));
    REQUIRE(calls == 1);
    return 0;
}

int main(int argc, char **argv)
{
    void *block = malloc(1);
    REQUIRE(argc == 2 && is_hakmems(block));
    if (strcmp(argv[1], "handlers") == 0)
        return fork_with_handlers();
    return strcmp(argv[1], "fill") == 0 ? fill_all() : print_limits();
}
