// SPDX-License-Identifier: MIT
// word_index: an index of the words of every text file below some directories.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "index.h"
#include "memory.h"

enum {
    EXIT_USAGE = 2,
    MOST_FREQUENT_COUNT = 10,
    SHOWN_FILES = 5,
    SHOWN_LINES = 8,
    REPEAT_MAX = 1000
};

static const char usage[] = "usage: word_index [--threads N] [--repeat N] [--find WORD]... PATH...\n"
                            "\n"
                            "Reads every text file below the given paths and prints what its words are.\n"
                            "Binary and gzip files, hidden files and links are left out.\n"
                            "\n"
                            "  --threads N  read with N threads (default 4)\n"
                            "  --repeat N   take every file N times, as if each were N files\n"
                            "  --find WORD  print the files and lines in which the word stands\n"
                            "  --help       print this text\n";

struct options {
    unsigned thread_count;
    unsigned repeat_count;
    struct word_key *wanted; /* what --find named */
    size_t wanted_count;
    char **paths; /* ended by NULL */
};

/* ------------------------------------------------------------------------------------------------- options ---- */

static bool complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Always false. */
static bool complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("word_index: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return false;
}

static bool parse_count(const char *option, const char *text, unsigned max, unsigned *count)
{
    char *end;
    errno = 0;
    const long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 1 || value > (long)max)
        return complain("%s needs a number from 1 to %u, not '%s'", option, max, text);
    *count = (unsigned)value;
    return true;
}

static bool parse_word(const char *text, struct word_key *key)
{
    word_key_start(key);
    for (const char *c = text; *c != '\0'; c++) {
        if (!word_key_append(key, (unsigned char)*c))
            return complain("'%s' is not one word: letters, digits and underscores only", text);
    }
    return key->length > 0 || complain("--find needs a word");
}

static bool parse_option(int letter, struct options *options)
{
    switch (letter) {
    case 't':
        return parse_count("--threads", optarg, INDEX_THREADS_MAX, &options->thread_count);
    case 'r':
        return parse_count("--repeat", optarg, REPEAT_MAX, &options->repeat_count);
    case 'f':
        return parse_word(optarg, &options->wanted[options->wanted_count++]);
    case 'h':
        fputs(usage, stdout);
        exit(EXIT_SUCCESS);
    default:
        return false; /* getopt_long has complained */
    }
}

/* `options->wanted` has room for one word per argument. */
static bool parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {{"threads", required_argument, NULL, 't'},
                                          {"repeat", required_argument, NULL, 'r'},
                                          {"find", required_argument, NULL, 'f'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int letter;
    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (!parse_option(letter, options))
            return false;
    }
    options->paths = argv + optind;
    return optind < argc || complain("no path given; see --help");
}

/* ------------------------------------------------------------------------------------------------ printing ---- */

static void print_totals(const struct index_totals *totals)
{
    printf("%12" PRIu32 " files indexed\n", totals->indexed_file_count);
    printf("%12" PRIu32 " binary files skipped\n", totals->binary_file_count);
    printf("%12" PRIu32 " unreadable\n", totals->unreadable_count);
    printf("%12" PRIu64 " bytes\n", totals->bytes);
    printf("%12" PRIu64 " words\n", totals->word_count);
    printf("%12" PRIu64 " distinct words\n", totals->distinct_word_count);
    printf("%12" PRIu64 " postings\n", totals->posting_count);
}

static void print_most_frequent(const struct word_index *index)
{
    const struct word *words[MOST_FREQUENT_COUNT];
    const size_t found = index_most_frequent(index, MOST_FREQUENT_COUNT, words);
    printf("\nmost frequent words\n");
    for (size_t i = 0; i < found; i++)
        printf("%12" PRIu64 " %s\n", words[i]->occurrence_count, words[i]->text);
}

static void print_posting(const struct posting *posting, const char *path)
{
    printf("%12" PRIu32 " %s: line%s", posting->occurrence_count, path, posting->line_count == 1 ? "" : "s");
    for (uint32_t i = 0; i < posting->line_count && i < SHOWN_LINES; i++)
        printf(" %" PRIu32, posting->lines[i]);
    printf(posting->line_count > SHOWN_LINES ? " ...\n" : "\n");
}

static bool printed_before(const struct posting *left, const struct posting *right)
{
    if (left->occurrence_count != right->occurrence_count)
        return left->occurrence_count > right->occurrence_count;
    return left->file < right->file;
}

/* The posting that is printed next after `last`, or first if `last` is NULL. */
static const struct posting *next_printed(const struct word *word, const struct posting *last)
{
    const struct posting *next = NULL;
    for (uint32_t i = 0; i < word->posting_count; i++) {
        const struct posting *candidate = &word->postings[i];
        const bool open = last == NULL || printed_before(last, candidate);
        if (open && (next == NULL || printed_before(candidate, next)))
            next = candidate;
    }
    return next;
}

static void print_found(const struct word_key *key, const struct word *word, const struct file_list *files)
{
    if (word == NULL) {
        printf("\n%.*s: not found\n", (int)key->length, key->text);
        return;
    }
    printf("\n%s: %" PRIu64 " times in %" PRIu32 " files\n", word->text, word->occurrence_count, word->posting_count);
    const struct posting *posting = NULL;
    for (int shown = 0; shown < SHOWN_FILES && (posting = next_printed(word, posting)) != NULL; shown++)
        print_posting(posting, files->paths[posting->file]);
}

/* ---------------------------------------------------------------------------------------------------- main ---- */

static bool list_files(struct file_list *files, const struct options *options)
{
    for (unsigned repeat = 0; repeat < options->repeat_count; repeat++) {
        for (char **path = options->paths; *path != NULL; path++) {
            if (!file_list_add(files, *path))
                return complain("%s: %s", *path, strerror(errno));
        }
    }
    return true;
}

static bool index_and_print(const struct file_list *files, const struct options *options)
{
    struct word_index *index = index_create(files, options->thread_count);
    if (index == NULL)
        return complain("out of memory");

    print_totals(index_totals(index));
    print_most_frequent(index);
    for (size_t i = 0; i < options->wanted_count; i++)
        print_found(&options->wanted[i], index_find(index, &options->wanted[i]), files);
    index_free(index);

    return (fflush(stdout) == 0 && !ferror(stdout)) || complain("standard output: %s", strerror(errno));
}

static int run(int argc, char **argv, struct options *options)
{
    if (!parse_options(argc, argv, options))
        return EXIT_USAGE;

    struct file_list files = {0};
    const bool done = list_files(&files, options) && index_and_print(&files, options);
    file_list_clear(&files);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct options options = {.thread_count = 4, .repeat_count = 1};
    options.wanted = memory_calloc((size_t)argc, sizeof *options.wanted);
    if (options.wanted == NULL) {
        complain("out of memory");
        return EXIT_FAILURE;
    }
    const int status = run(argc, argv, &options);
    memory_free(options.wanted);
    return status;
}
