// SPDX-License-Identifier: MIT
// The resident set over time of each program that a run executes; the one with the highest peak is kept. A program
// begins at its exec: before that, a child shares its parent's memory.
#ifndef HAKMEM_BENCHMARK_RESIDENT_H
#define HAKMEM_BENCHMARK_RESIDENT_H

#include <stdio.h>
#include <sys/types.h>

// The process has executed a program: from here on it is sampled, anew if it was before.
void resident_begin(pid_t process);

// Samples all that have begun.
void resident_sample(void);

// Takes the last sample; nothing where it has not begun.
void resident_end(pid_t process);

// Members of a JSON object: the average over time and the last sample of the program kept, and all its samples.
void resident_write(FILE *file);

#endif
