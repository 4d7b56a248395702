// SPDX-License-Identifier: MIT
// hakmem_benchmark_launch: runs a program on chosen processors with a library preloaded, and reports what it cost.
//
// It is small so that ru_maxrss tells the program's peak: at exec that starts from the peak of the process that calls
// it. With several processors, the kernel may still keep all threads on one, so the threads that the main thread
// creates are dealt out in turn. The rest inherit their place. To that end the main thread is traced: it stops at clone
// alone, and a new thread is let go as soon as it has its place.
//
// With --memory it also samples the resident set of each process (resident.h). To that end the main thread of each is
// traced from its start to its exit, where its memory is still there.
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "resident.h"

static const char USAGE[] =
    "usage: hakmem_benchmark_launch [--memory] REPORT PROCESSORS LIBRARY PROGRAM [ARGUMENT]...\n"
    "--memory: the report tells of the resident set over time, too; PROCESSORS: as in 0,1, or empty, then the program\n"
    "pins its threads itself; LIBRARY: what to preload, or empty\n";

enum {
    PROCESSORS_MAX = 64,
    STATUS_OF_LAUNCH = 125,
    SAMPLE_INTERVAL_US = 2000
};

struct processors {
    size_t numbers[PROCESSORS_MAX];
    size_t count;
};

static _Noreturn void stop(const char *what)
{
    fprintf(stderr, "hakmem_benchmark_launch: %s: %s\n", what, strerror(errno));
    exit(STATUS_OF_LAUNCH);
}

static _Noreturn void stop_with_usage(void)
{
    fputs(USAGE, stderr);
    exit(STATUS_OF_LAUNCH);
}

static struct processors read_processors(const char *text)
{
    struct processors found = {.count = 0};
    char *end = NULL;

    if (*text == '\0')
        return found;
    for (const char *rest = text; found.count < PROCESSORS_MAX; rest = end + 1) {
        found.numbers[found.count++] = strtoul(rest, &end, 10);
        if (end == rest || (*end != ',' && *end != '\0'))
            stop_with_usage();
        if (*end == '\0')
            return found;
    }
    stop_with_usage();
}

// Fails only for a thread that has ended.
static void pin(pid_t thread, size_t processor)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    if (sched_setaffinity(thread, sizeof set, &set) != 0 && errno != ESRCH)
        stop("cannot pin a thread");
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// Waits for its end of `gate` to be closed, so that the first clone is already seen.
static _Noreturn void become(char **program, const char *library, int gate)
{
    char nothing;

    if (read(gate, &nothing, 1) != 0 || close(gate) != 0)
        stop("cannot wait for the start");
    if (*library != '\0' && setenv("LD_PRELOAD", library, 1) != 0)
        stop("cannot set LD_PRELOAD");
    execvp(program[0], program);
    stop(program[0]);
}

static void trace(pid_t child, size_t processor_count, bool samples_memory)
{
    long options = PTRACE_O_EXITKILL;

    if (processor_count > 1)
        options |= PTRACE_O_TRACECLONE;
    if (samples_memory)
        options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;
    if (ptrace(PTRACE_SEIZE, child, NULL, (void *)options) != 0)
        stop("cannot trace, so cannot pin threads or sample memory");
}

static bool is_thread_of(pid_t process, pid_t thread)
{
    return tgkill(process, thread, 0) == 0;
}

static void place(pid_t thread, const struct processors *processors)
{
    static size_t placed; // the main thread has the first place

    pin(thread, processors->numbers[++placed % processors->count]);
}

static void go_on(pid_t main_thread, int status)
{
    const int signal = status >> 16 == 0 ? WSTOPSIG(status) : 0; // other stops are the tracer's alone

    ptrace(PTRACE_CONT, main_thread, NULL, (void *)(long)signal);
}

static void follow(pid_t process, int status)
{
    const int event = status >> 16;

    if (event == PTRACE_EVENT_EXEC)
        resident_begin(process);
    else if (event == PTRACE_EVENT_EXIT)
        resident_end(process);
    go_on(process, status);
}

static volatile sig_atomic_t sample_is_due;

static void on_tick(int signal)
{
    (void)signal;
    sample_is_due = 1;
}

static void start_ticking(void)
{
    const struct timeval interval = {.tv_usec = SAMPLE_INTERVAL_US};
    const struct sigaction action = {.sa_handler = on_tick}; // no SA_RESTART: it ends a wait

    if (sigaction(SIGALRM, &action, NULL) != 0 ||
        setitimer(ITIMER_REAL, &(struct itimerval){.it_interval = interval, .it_value = interval}, NULL) != 0)
        stop("cannot sample memory");
}

static pid_t wait_for_change(int *status, struct rusage *usage)
{
    for (;;) {
        const pid_t thread = wait4(-1, status, __WALL, usage);

        if (thread < 0 && errno != EINTR)
            stop("cannot wait");
        if (sample_is_due) {
            sample_is_due = 0;
            resident_sample();
        }
        if (thread >= 0)
            return thread;
    }
}

static int wait_for_end(pid_t child, const struct processors *processors, bool samples_memory, struct rusage *usage)
{
    for (;;) {
        int status;
        const pid_t thread = wait_for_change(&status, usage);

        if (!WIFSTOPPED(status)) {
            resident_end(thread); // one that was killed may not have stopped at its exit
            if (thread == child)
                return status;
        } else if (samples_memory && is_thread_of(thread, thread)) {
            follow(thread, status);
        } else if (thread == child) {
            go_on(child, status);
        } else {
            if (is_thread_of(child, thread))
                place(thread, processors);
            ptrace(PTRACE_DETACH, thread, NULL, NULL);
        }
    }
}

static void write_report(const char *path, double seconds, const struct rusage *usage, bool samples_memory)
{
    FILE *file = fopen(path, "w");

    if (file == NULL)
        stop(path);
    fprintf(file, "{\"seconds\": %.9f, \"peak_rss_bytes\": %ld, \"page_faults\": %ld", seconds, usage->ru_maxrss * 1024,
            usage->ru_minflt + usage->ru_majflt);
    if (samples_memory) {
        fputs(", ", file);
        resident_write(file);
    }
    fputs("}\n", file);
    if (fclose(file) != 0)
        stop(path);
}

int main(int argc, char **argv)
{
    const bool samples_memory = argc > 1 && strcmp(argv[1], "--memory") == 0;

    argc -= samples_memory;
    argv += samples_memory;
    if (argc < 5)
        stop_with_usage();
    const struct processors processors = read_processors(argv[2]);
    struct rusage usage;
    int gate[2];

    if (processors.count > 0)
        pin(0, processors.numbers[0]);
    if (pipe(gate) != 0)
        stop("pipe");
    pid_t child = fork();
    if (child < 0)
        stop("fork");
    if (child == 0) {
        close(gate[1]);
        become(argv + 4, argv[3], gate[0]);
    }
    if (processors.count > 1 || samples_memory)
        trace(child, processors.count, samples_memory);
    if (samples_memory)
        start_ticking();
    const double start = now();
    close(gate[1]);
    const int status = wait_for_end(child, &processors, samples_memory, &usage);
    write_report(argv[1], now() - start, &usage, samples_memory);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
