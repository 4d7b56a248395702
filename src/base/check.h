// SPDX-License-Identifier: MIT
// Text without stdio, and the checks: HAK_CHECK is always on, HAK_ASSERT only with HAK_DEBUG (yet always compiled).
#ifndef HAK_BASE_CHECK_H
#define HAK_BASE_CHECK_H

#include "base/attributes.h"

#ifndef HAK_DEBUG
#define HAK_DEBUG 0
#endif

HAK_EXTERN_C_BEGIN

/* One line of text, cut at its end when it grows too long. Needs no memory but its own. */
struct hak_line {
    size_t length;
    char text[384];
};

void hak_i_base_line_text(struct hak_line *line, const char *text);
void hak_i_base_line_number(struct hak_line *line, uint64_t number);
void hak_i_base_line_address(struct hak_line *line, uintptr_t address);

/* One write() to standard error, "hakmem: " before and a newline behind. Keeps errno, takes no lock. */
void hak_i_base_line_write(const struct hak_line *line);

/* Writes "hakmem: internal error: <text>" and aborts. */
HAK_COLD __attribute__((noreturn)) void hak_i_base_fail(const char *text);

#define HAK_CHECK(condition, text) (HAK_LIKELY(condition) ? (void)0 : hak_i_base_fail(text))
#define HAK_ASSERT(condition) (!HAK_DEBUG || HAK_LIKELY(condition) ? (void)0 : hak_i_base_fail(#condition))

HAK_EXTERN_C_END

#endif
