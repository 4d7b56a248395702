// SPDX-License-Identifier: MIT
// A hash table from words to the files and lines they stand in. Every part of it is a block of its own.
#ifndef WORD_INDEX_TABLE_H
#define WORD_INDEX_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Longer words are cut. */
#define WORD_LENGTH_MAX 64

/** A word while it is read and looked up: lower case, not ended by a 0 byte. */
struct word_key {
    uint64_t hash;
    uint32_t length;
    char text[WORD_LENGTH_MAX];
};

/** One word in one file. */
struct posting {
    uint32_t *lines; /**< numbers of the lines it stands in, ascending, each once */
    uint32_t line_count;
    uint32_t line_capacity;
    uint32_t file;
    uint32_t occurrence_count;
};

struct word {
    struct word *next; /**< in the same bucket */
    char *text;
    struct posting *postings; /**< one per file, in no order */
    uint64_t hash;
    uint64_t occurrence_count;
    uint32_t posting_count;
    uint32_t posting_capacity;
};

/** All zero is the empty table. */
struct table {
    struct word **buckets;
    size_t bucket_count; /**< 0 or a power of two */
    size_t word_count;
};

void word_key_start(struct word_key *key);

/** Appends `byte` in lower case. False if no word contains such a byte; then the key is unchanged. */
bool word_key_append(struct word_key *key, unsigned char byte);

const struct word *table_find(const struct table *table, const struct word_key *key);

/** Notes that the word stands in `file` at `line`, behind all that was noted for this file. False if out of memory. */
bool table_add(struct table *table, const struct word_key *key, uint32_t file, uint32_t line);

/**
 * Moves every word of `from` to `into`; no file may be in both. Words that both have are joined, and what is then left
 * over of those in `from` is freed. False if out of memory: each word is still whole and in one of both tables.
 */
bool table_merge(struct table *into, struct table *from);

void table_clear(struct table *table);

#endif
