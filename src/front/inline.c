// SPDX-License-Identifier: MIT
// What <hakmem/inline.h> says of the library is so.
#define HAK_NO_INLINE
#include <hakmem/inline.h>

#include <stdlib.h>

#include "front/classes.h"
#include "front/front_private.h"

#define SAME_FIELD(seen, known, field)                                                                                 \
    HAK_STATIC_ASSERT(offsetof(struct seen, field) == offsetof(struct known, field) &&                                 \
                          sizeof(((struct seen *)0)->field) == sizeof(((struct known *)0)->field),                     \
                      "another layout has another number")

SAME_FIELD(hak_inline_bin, hak_bin, start_mask);
SAME_FIELD(hak_inline_bin, hak_bin, inverse);
SAME_FIELD(hak_inline_bin, hak_bin, top);
SAME_FIELD(hak_inline_bin, hak_bin, full);
SAME_FIELD(hak_inline_heap, hak_heap_hot, base);
SAME_FIELD(hak_inline_heap, hak_heap_hot, units);
SAME_FIELD(hak_inline_heap, hak_heap_hot, ids);
SAME_FIELD(hak_inline_heap, hak_heap_hot, id);
SAME_FIELD(hak_inline_heap, hak_heap_hot, bins);

HAK_STATIC_ASSERT(HAK_INLINE_UNIT_SHIFT == HAK_UNIT_SHIFT, "another layout has another number");
HAK_STATIC_ASSERT(HAK_INLINE_BIN_BYTES == HAK_BIN_BYTES && sizeof(struct hak_inline_bin) == HAK_BIN_BYTES,
                  "another layout has another number");
HAK_STATIC_ASSERT(HAK_INLINE_CLASS_COUNT == HAK_CLASS_COUNT && HAK_INLINE_BYTES_MAX == HAK_POOL_BYTES_MAX,
                  "another layout has another number");

/* The classes, at both ends of each way to compute them. */
#define IS_LAST_OF(size, class_index)                                                                                  \
    HAK_STATIC_ASSERT(HAK_INLINE_CLASS((size_t)(size)) == (class_index) &&                                             \
                          HAK_INLINE_CLASS((size_t)(size) + 1) == (class_index) + 1,                                   \
                      "another layout has another number")

HAK_STATIC_ASSERT(HAK_INLINE_CLASS((size_t)0) == 0, "another layout has another number");
IS_LAST_OF(16, 0);
IS_LAST_OF(256, 15);
IS_LAST_OF(HAK_TINY_BYTES_MAX, HAK_TINY_CLASS_COUNT - 1);
IS_LAST_OF(224 * 1024, HAK_CLASS_COUNT - 2);

void hak_inline_check(unsigned layout)
{
    if (HAK_LIKELY(layout == HAK_INLINE_LAYOUT))
        return;
    struct hak_line line = {0};
    hak_i_base_line_text(&line,
                         "layout mismatch: a file of this program was compiled with <hakmem/inline.h> of layout ");
    hak_i_base_line_number(&line, layout);
    hak_i_base_line_text(&line, ", the library that is loaded has layout ");
    hak_i_base_line_number(&line, HAK_INLINE_LAYOUT);
    hak_i_base_line_text(&line, "; compile it with the header of that library, or with HAK_NO_INLINE");
    hak_i_base_line_write(&line);
    abort();
}
