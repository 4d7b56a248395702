// SPDX-License-Identifier: MIT
// Prints a page of docs/ from the one list that it documents. Argument: options or statistics.
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <hakmem/stats.h>

#include "base/option.h"

enum kind {
    BYTES,
    COUNT,
    PERCENT,
    CHOICE,
    LIMITS
};

struct option {
    const char *name;
    enum kind kind;
    int64_t standard;
    int64_t min;
    int64_t max;
    const char *words;
    const char *when;
    const char *sentence;
};

#define HAK_OPTION(name, kind, standard, min, max, words, when, sentence)                                              \
    {#name, kind, standard, min, max, words, #when, sentence},
static const struct option options[] = {
#include "base/option.def"
};
#undef HAK_OPTION

#define STATISTIC_ROW(field, unit, sentence) {#field, unit, sentence},
static const char *const statistics[][3] = {HAK_STATS(STATISTIC_ROW)};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static void print_bytes(int64_t bytes)
{
    static const char suffixes[] = "\0KMGT";
    size_t suffix = 0;
    for (; bytes != 0 && bytes % 1024 == 0 && suffix < 4; suffix++)
        bytes /= 1024;
    printf("%" PRId64, bytes);
    if (suffix > 0)
        putchar(suffixes[suffix]);
}

static void print_word(const char *words, int64_t position)
{
    for (; position > 0; position--)
        words = strchr(words, '|') + 1;
    printf("%.*s", (int)strcspn(words, "|"), words);
}

static void print_value(const struct option *option, int64_t value)
{
    if (option->kind == CHOICE)
        print_word(option->words, value);
    else if (option->kind == BYTES)
        print_bytes(value);
    else
        printf("%" PRId64, value);
}

static void print_range(const struct option *option)
{
    for (int64_t value = option->min; option->kind == CHOICE && value <= option->max; value++) {
        printf("%s`", value == option->min ? "" : ", ");
        print_word(option->words, value);
        putchar('`');
    }
    if (option->kind == CHOICE)
        return;
    if (option->kind == LIMITS) {
        printf("`hard` or `soft,hard`, each 1 to ");
        print_bytes(option->max);
        printf(" or `1%%` to `100%%`");
        return;
    }
    print_value(option, option->min);
    printf(" to ");
    print_value(option, option->max);
}

static void print_option(const struct option *option)
{
    printf("| `HAKMEM_");
    for (const char *letter = option->name; *letter != '\0'; letter++)
        putchar(toupper((unsigned char)*letter));
    printf("` | `");
    print_value(option, option->standard);
    printf("` | ");
    print_range(option);
    printf(" | %s | %s |\n", strcmp(option->when, "START") == 0 ? "at start" : "at any time", option->sentence);
}

static void print_options(void)
{
    puts("# Options\n\n"
         "An option is set in the environment, or by `hak_option_set()` under its name in lower case and without\n"
         "`HAKMEM_`. An option marked *at start* is fixed once the first block was asked for. Byte counts take the\n"
         "suffixes `K`, `M` and `G`. A process with raised privileges ignores the environment.\n\n"
         "| variable | default | values | may change | meaning |\n"
         "|---|---|---|---|---|");
    for (size_t i = 0; i < COUNT_OF(options); i++)
        print_option(&options[i]);
}

static void print_statistics(void)
{
    puts("# Statistics\n\n"
         "The fields of `struct hak_stats`, which `hak_stats_get()` fills in. The first eight byte counts are\n"
         "disjoint, and together they are `committed_bytes`.\n\n"
         "| field | unit | meaning |\n"
         "|---|---|---|");
    for (size_t i = 0; i < COUNT_OF(statistics); i++)
        printf("| `%s` | %s | %s |\n", statistics[i][0], statistics[i][1], statistics[i][2]);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "options") == 0)
        print_options();
    else if (argc == 2 && strcmp(argv[1], "statistics") == 0)
        print_statistics();
    else
        return 2;
    return 0;
}
