// SPDX-License-Identifier: MIT
// All that hak_explain() tells, gathered before the first word of it.
#ifndef HAK_FRONT_ACCOUNT_H
#define HAK_FRONT_ACCOUNT_H

#include "front/census.h"
#include "os_boundary/os_boundary.h"

HAK_EXTERN_C_BEGIN

/* The kernel's count of resident memory, by whose the mappings are. */
struct hak_kernel_count {
    bool known;
    uint64_t blocks_bytes;  /* of the range that spans come from */
    uint64_t records_bytes; /* hakmem's records and tables */
    uint64_t file_bytes;
    uint64_t stack_bytes;
    uint64_t other_bytes;
    uint64_t huge_bytes; /* the part of blocks_bytes that is in huge pages */
};

/* Blocks lie alone in a piece of this size when they take up less than a part of it, one in so many. */
#define HAK_PIECE_BYTES (2 * HAK_MIB)
#define HAK_LONE_PART 16

/* Which pages are there, by a walk over the spans. Blocks on stacks and in combining buffers count as live. */
struct hak_page_count {
    bool known;
    uint64_t class_bytes[HAK_CLASS_COUNT];
    uint64_t slab_bytes;       /* of all classes */
    uint64_t empty_slab_bytes; /* of those that belong to no class */
    uint64_t kept_slab_bytes;  /* the part of slab_bytes in slabs without a block in use */
    uint64_t large_bytes;
    uint64_t pieces; /* in which blocks are live */
    uint64_t lone_pieces;
    uint64_t lone_blocks;
    uint64_t lone_block_bytes;
    uint64_t lone_page_bytes;
};

struct hak_account {
    bool started;
    struct hak_stats stats;
    struct hak_census census;
    uint64_t retained_bytes; /* by the arena's count: empty slabs, and those that stacks of idle heaps hold blocks of */
    bool usage_known;
    struct hak_os_usage usage;
    struct hak_kernel_count kernel;
    struct hak_page_count pages;
    struct hak_os_group group;
};

void hak_i_account_take(struct hak_account *account);

/* The kernel's count of what is hakmem's. */
uint64_t hak_i_account_own_bytes(const struct hak_account *account);

/* Empty slabs that heaps keep, of a class or not. */
uint64_t hak_i_account_empty_slab_bytes(const struct hak_account *account);

/* Less than this is not worth a sentence: 1 MiB, or a small part of what is committed. */
uint64_t hak_i_account_worth_bytes(const struct hak_account *account);

/* Of the kernel's count of the range, what lies in no slab and no large block; 0 where it is not known. */
uint64_t hak_i_account_free_span_bytes(const struct hak_account *account);

/* ---------------------------------------------------------------------------------------------------- saying ---- */

struct hak_page;

/* The table of size classes, and where few blocks keep many pages. */
void hak_i_account_say_classes(const struct hak_account *account, struct hak_page *page);

/* What would make it less. */
void hak_i_account_say_advice(const struct hak_account *account, struct hak_page *page);

HAK_EXTERN_C_END

#endif
