// SPDX-License-Identifier: MIT
#ifndef WORD_INDEX_INDEX_H
#define WORD_INDEX_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "files.h"
#include "table.h"

enum {
    INDEX_THREADS_MAX = 256
};

struct index_totals {
    uint64_t bytes; /**< read from indexed files */
    uint64_t word_count;
    uint64_t distinct_word_count;
    uint64_t posting_count;
    uint32_t indexed_file_count;
    uint32_t binary_file_count; /**< skipped */
    uint32_t unreadable_count;
};

struct word_index;

/** Reads all files with `thread_count` threads. The list must outlive the index. NULL if out of memory. */
struct word_index *index_create(const struct file_list *files, unsigned thread_count);

/** NULL is allowed. */
void index_free(struct word_index *index);

const struct index_totals *index_totals(const struct word_index *index);

const struct word *index_find(const struct word_index *index, const struct word_key *key);

/** Fills `words` with up to `count` words, the most frequent first, equally frequent ones by name. Returns how many. */
size_t index_most_frequent(const struct word_index *index, size_t count, const struct word **words);

#endif
