// SPDX-License-Identifier: MIT
// A page of text, written line by line: sentences are broken into lines at spaces. Allocates nothing.
#ifndef HAK_FRONT_PAGE_H
#define HAK_FRONT_PAGE_H

#include <hakmem/hakmem.h>

#include "base/attributes.h"

HAK_EXTERN_C_BEGIN

#define HAK_PAGE_COLUMNS 100

struct hak_page {
    hak_writer *write;
    void *arg;
    size_t indent; /* of a line that goes on with what the one before began */
    uint64_t last_number;
    size_t length;
    char line[HAK_PAGE_COLUMNS + 1];
};

/*
 * Appends text, in which %s is a const char *, %u a uint64_t, %d one without commas between the thousands, %b one as
 * bytes in a unit that fits, each with an optional width (%14u), %% a percent sign, and ~ an s unless the last %u
 * was 1.
 */
void hak_i_page_say(struct hak_page *page, const char *format, ...);

/* One paragraph, whose further lines are indented by `indent`. */
void hak_i_page_begin(struct hak_page *page, size_t indent);

HAK_EXTERN_C_END

#endif
