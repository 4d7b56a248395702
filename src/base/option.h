// SPDX-License-Identifier: MIT
// The options of base/option.def. Code reads hak_i_base_options.<name>, never the environment.
#ifndef HAK_BASE_OPTION_H
#define HAK_BASE_OPTION_H

#include "base/attributes.h"

HAK_EXTERN_C_BEGIN

/* The value of an option of bytes is at most this; of one of limits, percent are counted from 0 down. */
#define HAK_OPTION_BYTES_MAX ((int64_t)1 << 47)

#define HAK_OPTION(name, kind, standard, min, max, words, when, sentence) int64_t name;
/* Each field is atomic (relaxed): an option is one number and orders nothing else. */
struct hak_options {
#include "base/option.def"
    int64_t budget_soft; /* the first of the budget's two limits, 0 where there is one */
};
#undef HAK_OPTION

extern struct hak_options hak_i_base_options;

enum hak_option_choice {
    HAK_THP_AUTO = 0,
    HAK_THP_NEVER = 1,
    HAK_THP_ALWAYS = 2,
    HAK_PREWARM_OFF = 0,
    HAK_PREWARM_FIXED = 1,
    HAK_VISITS_OFF = 0,
    HAK_VISITS_ON = 1,
    HAK_CHECK_FAST = 0,
    HAK_CHECK_FULL = 1,
    HAK_EXPLAIN_OFF = 0,
    HAK_EXPLAIN_EXIT = 1,
    HAK_FOREIGN_ABORT = 0,
    HAK_FOREIGN_REPORT = 1,
    HAK_FOREIGN_IGNORE = 2
};

/* Reads HAKMEM_ names from `environment` (NULL: none). A bad one is named in a line on standard error and ignored. */
void hak_i_base_options_read(char *const *environment);

/* After this call options marked START refuse to change. */
void hak_i_base_options_seal(void);

/* 0, ENOENT, EINVAL, EPERM. */
int hak_i_base_option_set(const char *name, const char *text);
int hak_i_base_option_get(const char *name, char *buffer, size_t size);

HAK_EXTERN_C_END

#endif
