// SPDX-License-Identifier: MIT
#include "base/option.h"

#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "base/check.h"

enum kind {
    BYTES,
    COUNT,
    PERCENT,
    CHOICE,
    LIMITS
};

enum when {
    START,
    ANY
};

struct option {
    const char *name;
    const char *words;
    int64_t min;
    int64_t max;
    int64_t *value;
    enum kind kind;
    enum when when;
};

#define HAK_OPTION(name, kind, standard, min, max, words, when, sentence) .name = (standard),
struct hak_options hak_i_base_options = {
#include "base/option.def"
};
#undef HAK_OPTION

#define HAK_OPTION(name, kind, standard, min, max, words, when, sentence)                                              \
    {#name, words, min, max, &hak_i_base_options.name, kind, when},
static const struct option options[] = {
#include "base/option.def"
};
#undef HAK_OPTION

static bool sealed;

static const struct option *find(const char *name)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

static unsigned suffix_shift(char suffix)
{
    switch (suffix) {
    case 'k':
    case 'K':
        return 10;
    case 'm':
    case 'M':
        return 20;
    case 'g':
    case 'G':
        return 30;
    default:
        return 0;
    }
}

/* Digits; *text is behind them then. */
static bool take_digits(const char **text, int64_t *value)
{
    const char *digit = *text;
    for (*value = 0; *digit >= '0' && *digit <= '9'; digit++) {
        if (*value > HAK_OPTION_BYTES_MAX)
            return false;
        *value = *value * 10 + (*digit - '0');
    }
    bool any = digit != *text;
    *text = digit;
    return any;
}

/* The suffix of a number of bytes, if there is one. */
static bool take_suffix(const char **text, int64_t *value)
{
    unsigned shift = suffix_shift(**text);
    if (shift == 0)
        return true;
    if (*value > HAK_OPTION_BYTES_MAX >> shift)
        return false;
    *value <<= shift;
    ++*text;
    return true;
}

/* Digits with an optional minus before and, for bytes, a suffix behind; nothing else. */
static bool parse_number(const char *text, bool suffix_allowed, int64_t *value)
{
    bool negative = *text == '-';
    text += negative;
    if (!take_digits(&text, value) || (suffix_allowed && !take_suffix(&text, value)))
        return false;
    *value = negative ? -*value : *value;
    return *text == '\0';
}

/* Bytes, or percent from 1 to 100 as a number below 0. */
static bool take_limit(const char **text, int64_t *value)
{
    if (!take_digits(text, value))
        return false;
    if (**text != '%')
        return take_suffix(text, value) && *value <= HAK_OPTION_BYTES_MAX;
    ++*text;
    bool share = *value >= 1 && *value <= 100;
    *value = -*value;
    return share;
}

/* As far as the two can be compared here. */
static bool is_soft_over_hard(int64_t soft, int64_t hard)
{
    if (soft < 0 && hard < 0)
        return soft < hard;
    return soft > hard && hard >= 0;
}

/* "hard" or "soft,hard" */
static bool parse_limits(const char *text, int64_t *hard, int64_t *soft)
{
    *soft = 0;
    if (!take_limit(&text, hard))
        return false;
    if (*text == ',') {
        *soft = *hard;
        text++;
        if (!take_limit(&text, hard))
            return false;
    }
    return *text == '\0' && !is_soft_over_hard(*soft, *hard) && (*hard != 0 || *soft == 0);
}

/* The position of `text` among `words`, which '|' divides. */
static bool parse_choice(const char *words, const char *text, int64_t *value)
{
    size_t length = strlen(text);
    for (*value = 0;; ++*value) {
        size_t word_length = strcspn(words, "|");
        if (length == word_length && memcmp(words, text, length) == 0)
            return true;
        if (words[word_length] == '\0')
            return false;
        words += word_length + 1;
    }
}

/* What a value of one number does not have, `second`, is left as it is. */
static bool parse(const struct option *option, const char *text, int64_t *value, int64_t *second)
{
    bool understood = option->kind == CHOICE   ? parse_choice(option->words, text, value)
                      : option->kind == LIMITS ? parse_limits(text, value, second)
                                               : parse_number(text, option->kind == BYTES, value);
    return understood && *value >= option->min && *value <= option->max;
}

int hak_i_base_option_set(const char *name, const char *text)
{
    const struct option *option = find(name);
    int64_t value, second = 0;
    if (option == NULL)
        return ENOENT;
    if (!parse(option, text, &value, &second))
        return EINVAL;
    if (option->when == START && hak_load_relaxed(&sealed))
        return EPERM;
    hak_store_relaxed(option->value, value);
    if (option->kind == LIMITS)
        hak_store_relaxed(&hak_i_base_options.budget_soft, second);
    return 0;
}

static void print_limit(struct hak_line *line, int64_t limit)
{
    hak_i_base_line_number(line, (uint64_t)(limit < 0 ? -limit : limit));
    if (limit < 0)
        hak_i_base_line_text(line, "%");
}

static void print_limits(struct hak_line *line, int64_t hard)
{
    int64_t soft = hak_load_relaxed(&hak_i_base_options.budget_soft);
    if (soft != 0) {
        print_limit(line, soft);
        hak_i_base_line_text(line, ",");
    }
    print_limit(line, hard);
}

static void print(struct hak_line *line, const struct option *option)
{
    int64_t value = hak_load_relaxed(option->value);
    if (option->kind == LIMITS) {
        print_limits(line, value);
        return;
    }
    if (option->kind != CHOICE) {
        if (value < 0)
            hak_i_base_line_text(line, "-");
        hak_i_base_line_number(line, (uint64_t)(value < 0 ? -value : value));
        return;
    }
    const char *word = option->words;
    for (int64_t skipped = 0; skipped < value; skipped++)
        word += strcspn(word, "|") + 1;
    hak_i_base_line_text(line, word);
    line->length -= strlen(word) - strcspn(word, "|");
}

int hak_i_base_option_get(const char *name, char *buffer, size_t size)
{
    const struct option *option = find(name);
    struct hak_line line = {0};
    if (option == NULL)
        return ENOENT;
    print(&line, option);
    if (size <= line.length)
        return EINVAL;
    memcpy(buffer, line.text, line.length);
    buffer[line.length] = '\0';
    return 0;
}

void hak_i_base_options_seal(void)
{
    hak_store_relaxed(&sealed, true);
}

static HAK_COLD void report_ignored(const char *variable, size_t name_length, const char *reason)
{
    struct hak_line line = {0};
    char name[64] = {0};
    memcpy(name, variable, name_length < sizeof name - 1 ? name_length : sizeof name - 1);
    hak_i_base_line_text(&line, "option ");
    hak_i_base_line_text(&line, name);
    hak_i_base_line_text(&line, " ignored: ");
    hak_i_base_line_text(&line, reason);
    hak_i_base_line_write(&line);
}

static const char *complaint(int error)
{
    return error == ENOENT ? "no such option" : error == EPERM ? "too late" : "not a value it can take";
}

static void read_one(const char *variable)
{
    enum {
        PREFIX_LENGTH = 7,
        NAME_MAX_LENGTH = 40
    };
    char name[NAME_MAX_LENGTH] = {0};
    size_t length = strcspn(variable, "=");
    int error = ENOENT;
    if (length - PREFIX_LENGTH < sizeof name && variable[length] == '=') {
        for (size_t i = PREFIX_LENGTH; i < length; i++) {
            char letter = variable[i];
            name[i - PREFIX_LENGTH] = (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
        }
        error = hak_i_base_option_set(name, variable + length + 1);
    }
    if (error != 0)
        report_ignored(variable, length, complaint(error));
}

void hak_i_base_options_read(char *const *environment)
{
    if (environment == NULL)
        return;
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, "HAKMEM_", 7) == 0)
            read_one(*environment);
}
