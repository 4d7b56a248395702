// SPDX-License-Identifier: MIT
#include "resident.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    PROGRAMS_MAX = 64
};

struct sample {
    double seconds; // since the program began
    long bytes;
};

struct program {
    pid_t process;
    double start;
    long peak_bytes;
    struct sample *samples;
    size_t count;
    size_t capacity;
};

static struct program running[PROGRAMS_MAX];
static size_t running_count;
static struct program largest;

static _Noreturn void stop(const char *what)
{
    fprintf(stderr, "hakmem_benchmark_launch: %s\n", what);
    exit(125);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// 0 where the process has no memory any more.
static long resident_bytes(pid_t process)
{
    char text[128];
    long pages = 0;

    snprintf(text, sizeof text, "/proc/%ld/statm", (long)process);
    const int file = open(text, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    const ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    text[length > 0 ? length : 0] = '\0';
    return sscanf(text, "%*s %ld", &pages) == 1 ? pages * sysconf(_SC_PAGESIZE) : 0;
}

static struct program *find(pid_t process)
{
    for (size_t i = 0; i < running_count; i++)
        if (running[i].process == process)
            return &running[i];
    return NULL;
}

static void append(struct program *program, struct sample sample)
{
    if (program->count == program->capacity) {
        program->capacity = program->capacity > 0 ? 2 * program->capacity : 1024;
        program->samples = realloc(program->samples, program->capacity * sizeof sample);
        if (program->samples == NULL)
            stop("no memory for samples");
    }
    program->samples[program->count++] = sample;
}

static void sample(struct program *program)
{
    const long bytes = resident_bytes(program->process);

    if (bytes == 0)
        return;
    append(program, (struct sample){.seconds = now() - program->start, .bytes = bytes});
    if (bytes > program->peak_bytes)
        program->peak_bytes = bytes;
}

void resident_begin(pid_t process)
{
    struct program *program = find(process);

    if (program == NULL) {
        if (running_count == PROGRAMS_MAX)
            stop("too many processes at a time to sample them all");
        program = &running[running_count++];
        *program = (struct program){.process = process};
    }
    program->start = now();
    program->count = 0;
    program->peak_bytes = 0;
    sample(program);
}

void resident_sample(void)
{
    for (size_t i = 0; i < running_count; i++)
        sample(&running[i]);
}

void resident_end(pid_t process)
{
    struct program *program = find(process);

    if (program == NULL)
        return;
    sample(program);
    struct program ended = *program;
    *program = running[--running_count];
    if (ended.peak_bytes > largest.peak_bytes) {
        const struct program smaller = largest;
        largest = ended;
        ended = smaller;
    }
    free(ended.samples);
}

// Each sample holds until the next.
static double average_bytes(const struct program *program)
{
    const struct sample *samples = program->samples;
    double sum = 0;

    for (size_t i = 1; i < program->count; i++)
        sum += (double)samples[i - 1].bytes * (samples[i].seconds - samples[i - 1].seconds);
    const double seconds = samples[program->count - 1].seconds - samples[0].seconds;
    return seconds > 0 ? sum / seconds : (double)samples[0].bytes;
}

void resident_write(FILE *file)
{
    if (largest.count == 0)
        stop("no program was sampled");
    fprintf(file, "\"average_rss_bytes\": %.0f, \"exit_rss_bytes\": %ld, \"rss_over_time\": [", average_bytes(&largest),
            largest.samples[largest.count - 1].bytes);
    for (size_t i = 0; i < largest.count; i++)
        fprintf(file, "%s[%.6f, %ld]", i > 0 ? ", " : "", largest.samples[i].seconds, largest.samples[i].bytes);
    fputs("]", file);
}
