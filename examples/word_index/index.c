// SPDX-License-Identifier: MIT
// Three rounds of threads, one after the other:
//   read   each thread takes files from the common list and fills tables of its own, one per shard;
//   merge  thread n joins shard n of all threads in the first thread's table, freeing what other threads allocated;
//   free   thread n frees shard n.
// A word's shard depends on its hash alone, so no table is ever used by two threads at a time.
#include "index.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

enum {
    CHUNK_BYTES_MIN = 8 << 10,
    CHUNK_BYTES_MAX = 64 << 10
};

struct worker {
    struct word_index *index;
    struct table *shards;
    struct index_totals totals;
    pthread_t thread;
    unsigned number;
};

struct word_index {
    const struct file_list *files;
    atomic_uint_fast32_t next_file;
    atomic_bool out_of_memory; /* asks every thread to stop */
    struct index_totals totals;
    unsigned worker_count;
    struct worker workers[];
};

/* ------------------------------------------------------------------------------------------------- reading ---- */

/* One file while it is read. */
struct scan {
    struct worker *worker;
    uint64_t bytes;
    uint64_t word_count;
    uint32_t file;
    uint32_t line;
    struct word_key key;
};

enum scan_result {
    SCAN_INDEXED,
    SCAN_BINARY,
    SCAN_UNREADABLE,
    SCAN_OUT_OF_MEMORY
};

static struct table *shard_of(struct table *shards, unsigned shard_count, const struct word_key *key)
{
    return &shards[(key->hash >> 32) % shard_count];
}

static bool end_word(struct scan *scan)
{
    if (scan->key.length == 0)
        return true;
    struct worker *worker = scan->worker;
    struct table *shard = shard_of(worker->shards, worker->index->worker_count, &scan->key);
    const bool added = table_add(shard, &scan->key, scan->file, scan->line);
    scan->word_count++;
    word_key_start(&scan->key);
    return added;
}

static bool scan_chunk(struct scan *scan, const unsigned char *chunk, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (word_key_append(&scan->key, chunk[i]))
            continue;
        if (!end_word(scan))
            return false;
        if (chunk[i] == '\n')
            scan->line++;
    }
    scan->bytes += size;
    return true;
}

/* Judged by a file's first chunk. */
static bool looks_binary(const unsigned char *chunk, size_t size)
{
    const bool gzip = size >= 2 && chunk[0] == 0x1f && chunk[1] == 0x8b;
    return gzip || memchr(chunk, '\0', size) != NULL;
}

static enum scan_result scan_open_file(struct scan *scan, int descriptor, unsigned char *chunk, size_t chunk_bytes)
{
    ssize_t got;
    while ((got = read(descriptor, chunk, chunk_bytes)) > 0) {
        if (scan->bytes == 0 && looks_binary(chunk, (size_t)got))
            return SCAN_BINARY;
        if (!scan_chunk(scan, chunk, (size_t)got))
            return SCAN_OUT_OF_MEMORY;
    }
    if (got < 0)
        return SCAN_UNREADABLE;
    return end_word(scan) ? SCAN_INDEXED : SCAN_OUT_OF_MEMORY;
}

/* The size of the file within bounds, so that one call reads a short file. */
static size_t chunk_bytes_for(int descriptor)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0 || status.st_size < CHUNK_BYTES_MIN)
        return CHUNK_BYTES_MIN;
    return status.st_size < CHUNK_BYTES_MAX ? (size_t)status.st_size : CHUNK_BYTES_MAX;
}

static enum scan_result scan_file(struct scan *scan, const char *path)
{
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return SCAN_UNREADABLE;

    enum scan_result result = SCAN_OUT_OF_MEMORY;
    const size_t chunk_bytes = chunk_bytes_for(descriptor);
    unsigned char *chunk = memory_alloc(chunk_bytes);
    if (chunk != NULL)
        result = scan_open_file(scan, descriptor, chunk, chunk_bytes);
    memory_free(chunk);
    close(descriptor);
    return result;
}

static void index_file(struct worker *worker, uint32_t file)
{
    struct scan scan = {.worker = worker, .file = file, .line = 1};
    word_key_start(&scan.key);
    switch (scan_file(&scan, worker->index->files->paths[file])) {
    case SCAN_INDEXED:
        worker->totals.indexed_file_count++;
        worker->totals.bytes += scan.bytes;
        break;
    case SCAN_BINARY:
        worker->totals.binary_file_count++;
        break;
    case SCAN_UNREADABLE:
        worker->totals.unreadable_count++;
        break;
    case SCAN_OUT_OF_MEMORY:
        atomic_store(&worker->index->out_of_memory, true);
        break;
    }
    worker->totals.word_count += scan.word_count;
}

/* ------------------------------------------------------------------------------------------------- threads ---- */

static void *read_files(void *argument)
{
    struct worker *worker = argument;
    struct word_index *index = worker->index;
    while (!atomic_load(&index->out_of_memory)) {
        const uint_fast32_t file = atomic_fetch_add(&index->next_file, 1);
        if (file >= index->files->count)
            break;
        index_file(worker, (uint32_t)file);
    }
    return NULL;
}

static void *merge_shard(void *argument)
{
    struct worker *worker = argument;
    struct word_index *index = worker->index;
    const unsigned shard = worker->number;
    for (unsigned i = 1; i < index->worker_count && !atomic_load(&index->out_of_memory); i++) {
        if (!table_merge(&index->workers[0].shards[shard], &index->workers[i].shards[shard]))
            atomic_store(&index->out_of_memory, true);
    }
    return NULL;
}

static void *free_shard(void *argument)
{
    struct worker *worker = argument;
    struct word_index *index = worker->index;
    for (unsigned i = 0; i < index->worker_count; i++)
        table_clear(&index->workers[i].shards[worker->number]);
    return NULL;
}

/* Returns when all workers are done. The calling thread does the work of threads that could not be started. */
static void run_workers(struct word_index *index, void *(*work)(void *))
{
    unsigned started = 0;
    while (started < index->worker_count) {
        struct worker *worker = &index->workers[started];
        if (pthread_create(&worker->thread, NULL, work, worker) != 0)
            break;
        started++;
    }
    for (unsigned i = started; i < index->worker_count; i++)
        work(&index->workers[i]);
    for (unsigned i = 0; i < started; i++)
        pthread_join(index->workers[i].thread, NULL);
}

/* ------------------------------------------------------------------------------------------------- the index ---- */

static void add_up(struct word_index *index)
{
    struct index_totals *totals = &index->totals;
    totals->unreadable_count = index->files->unreadable_count;
    for (unsigned i = 0; i < index->worker_count; i++) {
        const struct index_totals *part = &index->workers[i].totals;
        totals->bytes += part->bytes;
        totals->word_count += part->word_count;
        totals->indexed_file_count += part->indexed_file_count;
        totals->binary_file_count += part->binary_file_count;
        totals->unreadable_count += part->unreadable_count;
    }
    for (unsigned i = 0; i < index->worker_count; i++) {
        const struct table *shard = &index->workers[0].shards[i];
        totals->distinct_word_count += shard->word_count;
        for (size_t bucket = 0; bucket < shard->bucket_count; bucket++) {
            for (const struct word *word = shard->buckets[bucket]; word != NULL; word = word->next)
                totals->posting_count += word->posting_count;
        }
    }
}

static struct word_index *create_empty(const struct file_list *files, unsigned worker_count)
{
    struct word_index *index = memory_calloc(1, sizeof *index + worker_count * sizeof index->workers[0]);
    if (index == NULL)
        return NULL;
    struct table *shards = memory_calloc((size_t)worker_count * worker_count, sizeof *shards);
    if (shards == NULL) {
        memory_free(index);
        return NULL;
    }
    index->files = files;
    index->worker_count = worker_count;
    for (unsigned i = 0; i < worker_count; i++) {
        struct worker *worker = &index->workers[i];
        worker->index = index;
        worker->number = i;
        worker->shards = &shards[(size_t)i * worker_count];
    }
    return index;
}

struct word_index *index_create(const struct file_list *files, unsigned thread_count)
{
    struct word_index *index = create_empty(files, thread_count);
    if (index == NULL)
        return NULL;
    run_workers(index, read_files);
    run_workers(index, merge_shard);
    if (atomic_load(&index->out_of_memory)) {
        index_free(index);
        return NULL;
    }
    add_up(index);
    return index;
}

void index_free(struct word_index *index)
{
    if (index == NULL)
        return;
    run_workers(index, free_shard);
    memory_free(index->workers[0].shards);
    memory_free(index);
}

const struct index_totals *index_totals(const struct word_index *index)
{
    return &index->totals;
}

const struct word *index_find(const struct word_index *index, const struct word_key *key)
{
    return table_find(shard_of(index->workers[0].shards, index->worker_count, key), key);
}

static bool more_frequent(const struct word *left, const struct word *right)
{
    if (left->occurrence_count != right->occurrence_count)
        return left->occurrence_count > right->occurrence_count;
    return strcmp(left->text, right->text) < 0;
}

/* Inserts `word` into the ordered `words`, of which there are `found` and may be `count`; returns how many there are.
 */
static size_t insert_by_frequency(const struct word **words, size_t found, size_t count, const struct word *word)
{
    size_t place = found;
    while (place > 0 && more_frequent(word, words[place - 1]))
        place--;
    if (place == count)
        return found;
    const size_t kept = found < count ? found : count - 1;
    memmove(&words[place + 1], &words[place], (kept - place) * sizeof *words);
    words[place] = word;
    return kept + 1;
}

size_t index_most_frequent(const struct word_index *index, size_t count, const struct word **words)
{
    size_t found = 0;
    for (unsigned i = 0; i < index->worker_count; i++) {
        const struct table *shard = &index->workers[0].shards[i];
        for (size_t bucket = 0; bucket < shard->bucket_count; bucket++) {
            for (const struct word *word = shard->buckets[bucket]; word != NULL; word = word->next)
                found = insert_by_frequency(words, found, count, word);
        }
    }
    return found;
}
