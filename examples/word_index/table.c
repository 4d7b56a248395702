// SPDX-License-Identifier: MIT
#include "table.h"

#include <string.h>

#include "array.h"
#include "memory.h"

enum {
    FIRST_BUCKET_COUNT = 256
};

/* ---------------------------------------------------------------------------------------------------- keys ---- */

/* 64-bit FNV-1a. */
static const uint64_t hash_start = 14695981039346656037U;
static const uint64_t hash_prime = 1099511628211U;

void word_key_start(struct word_key *key)
{
    key->hash = hash_start;
    key->length = 0;
}

/* Letters, digits, underscores, and every byte of a multi-byte UTF-8 character. */
static bool in_words(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' || byte >= 0x80;
}

bool word_key_append(struct word_key *key, unsigned char byte)
{
    const unsigned char lower = byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte - 'A' + 'a') : byte;
    if (!in_words(lower))
        return false;
    if (key->length < WORD_LENGTH_MAX) {
        key->text[key->length++] = (char)lower;
        key->hash = (key->hash ^ lower) * hash_prime;
    }
    return true;
}

/* --------------------------------------------------------------------------------------------------- words ---- */

static struct word *word_create(const struct word_key *key)
{
    struct word *word = memory_calloc(1, sizeof *word);
    if (word == NULL)
        return NULL;
    word->hash = key->hash;
    word->text = memory_strndup(key->text, key->length);
    if (word->text == NULL) {
        memory_free(word);
        return NULL;
    }
    return word;
}

/* The lines may have a new owner already; see word_join(). */
static void word_free_without_lines(struct word *word)
{
    memory_free(word->postings);
    memory_free(word->text);
    memory_free(word);
}

static void word_free(struct word *word)
{
    for (uint32_t i = 0; i < word->posting_count; i++)
        memory_free(word->postings[i].lines);
    word_free_without_lines(word);
}

/* Each file is read from start to end by one thread, so its posting is the last one. */
static struct posting *word_posting(struct word *word, uint32_t file)
{
    if (word->posting_count > 0 && word->postings[word->posting_count - 1].file == file)
        return &word->postings[word->posting_count - 1];

    struct posting *postings =
        array_with_room(word->postings, word->posting_count, &word->posting_capacity, sizeof *postings);
    if (postings == NULL)
        return NULL;
    word->postings = postings;
    struct posting *posting = &postings[word->posting_count++];
    *posting = (struct posting){.file = file};
    return posting;
}

static bool posting_add_line(struct posting *posting, uint32_t line)
{
    if (posting->line_count > 0 && posting->lines[posting->line_count - 1] == line)
        return true;

    uint32_t *lines = array_with_room(posting->lines, posting->line_count, &posting->line_capacity, sizeof *lines);
    if (lines == NULL)
        return false;
    posting->lines = lines;
    lines[posting->line_count++] = line;
    return true;
}

/* Moves the postings of `from`, with their lines, to `word` and frees `from`. */
static bool word_join(struct word *word, struct word *from)
{
    const uint32_t posting_count = word->posting_count + from->posting_count;
    struct posting *postings = memory_reallocarray(word->postings, posting_count, sizeof *postings);
    if (postings == NULL)
        return false;
    memcpy(postings + word->posting_count, from->postings, from->posting_count * sizeof *postings);
    word->postings = postings;
    word->posting_count = posting_count;
    word->posting_capacity = posting_count;
    word->occurrence_count += from->occurrence_count;
    word_free_without_lines(from);
    return true;
}

/* --------------------------------------------------------------------------------------------------- table ---- */

static struct word **bucket_of(const struct table *table, uint64_t hash)
{
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static void link_word(const struct table *table, struct word *word)
{
    struct word **bucket = bucket_of(table, word->hash);
    word->next = *bucket;
    *bucket = word;
}

/* `text` need not end with a 0 byte. */
static struct word *find_word(const struct table *table, uint64_t hash, const char *text, size_t length)
{
    if (table->bucket_count == 0)
        return NULL;
    for (struct word *word = *bucket_of(table, hash); word != NULL; word = word->next) {
        if (word->hash == hash && strncmp(word->text, text, length) == 0 && word->text[length] == '\0')
            return word;
    }
    return NULL;
}

/* Keeps at least one bucket per word. */
static bool make_room_for_word(struct table *table)
{
    if (table->word_count < table->bucket_count)
        return true;

    struct table larger = {.word_count = table->word_count};
    larger.bucket_count = table->bucket_count == 0 ? FIRST_BUCKET_COUNT : 2 * table->bucket_count;
    larger.buckets = memory_calloc(larger.bucket_count, sizeof *larger.buckets);
    if (larger.buckets == NULL)
        return false;
    for (size_t i = 0; i < table->bucket_count; i++) {
        struct word *next;
        for (struct word *word = table->buckets[i]; word != NULL; word = next) {
            next = word->next;
            link_word(&larger, word);
        }
    }
    memory_free(table->buckets);
    *table = larger;
    return true;
}

static struct word *add_word(struct table *table, const struct word_key *key)
{
    if (!make_room_for_word(table))
        return NULL;
    struct word *word = word_create(key);
    if (word != NULL) {
        link_word(table, word);
        table->word_count++;
    }
    return word;
}

const struct word *table_find(const struct table *table, const struct word_key *key)
{
    return find_word(table, key->hash, key->text, key->length);
}

bool table_add(struct table *table, const struct word_key *key, uint32_t file, uint32_t line)
{
    struct word *word = find_word(table, key->hash, key->text, key->length);
    if (word == NULL)
        word = add_word(table, key);
    if (word == NULL)
        return false;
    struct posting *posting = word_posting(word, file);
    if (posting == NULL || !posting_add_line(posting, line))
        return false;
    posting->occurrence_count++;
    word->occurrence_count++;
    return true;
}

static bool take_word(struct table *table, struct word *word)
{
    struct word *same = find_word(table, word->hash, word->text, strlen(word->text));
    if (same != NULL)
        return word_join(same, word);
    if (!make_room_for_word(table))
        return false;
    link_word(table, word);
    table->word_count++;
    return true;
}

bool table_merge(struct table *into, struct table *from)
{
    for (size_t i = 0; i < from->bucket_count; i++) {
        struct word *word;
        while ((word = from->buckets[i]) != NULL) {
            struct word *next = word->next;
            if (!take_word(into, word))
                return false;
            from->buckets[i] = next;
            from->word_count--;
        }
    }
    table_clear(from);
    return true;
}

void table_clear(struct table *table)
{
    for (size_t i = 0; i < table->bucket_count; i++) {
        struct word *next;
        for (struct word *word = table->buckets[i]; word != NULL; word = next) {
            next = word->next;
            word_free(word);
        }
    }
    memory_free(table->buckets);
    *table = (struct table){0};
}
