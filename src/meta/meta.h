// SPDX-License-Identifier: MIT
// Memory for hakmem's own records: outside the heap memory, between guard pages, never given back to the system.
#ifndef HAK_META_H
#define HAK_META_H

#include "base/lock.h"

HAK_EXTERN_C_BEGIN

#define HAK_META_SIZES 24 /* powers of two from 64 bytes up */

struct hak_meta_free;
struct hak_meta_piece;

struct hak_meta {
    struct hak_lock lock; /* guards all that follows */
    char *next;           /* the first byte not handed out */
    char *committed_end;
    char *reserved_end;
    struct hak_meta_piece *pieces; /* atomic: readers follow the list without the lock */
    bool reserves;                 /* address space is plentiful: reserve more than is committed */
    struct hak_meta_free *free[HAK_META_SIZES];
    uint64_t committed_bytes; /* atomic: read without the lock */
    uint64_t reserved_bytes;  /* atomic */
};

void hak_i_meta_init(struct hak_meta *meta, bool address_space_is_limited);

/* `bytes` for ever, at a multiple of 64, all 0. NULL: no memory. */
void *hak_i_meta_carve(struct hak_meta *meta, size_t bytes);

/* `bytes` at a multiple of 64, rounded up to a power of two, with any content. NULL: no memory. */
void *hak_i_meta_acquire(struct hak_meta *meta, size_t bytes);

/* `memory` came from hak_i_meta_acquire() with the same `bytes`. */
void hak_i_meta_release(struct hak_meta *meta, void *memory, size_t bytes);

/* Whether `address` is metadata memory. Needs no lock. */
bool hak_i_meta_holds(const struct hak_meta *meta, uintptr_t address);

HAK_EXTERN_C_END

#endif
