// SPDX-License-Identifier: MIT
// Slabs: spans cut into blocks of one class. Which blocks are free is known by bitmaps in the slab's record, outside
// the heap memory; a freed block is never written.
#ifndef HAK_SLAB_H
#define HAK_SLAB_H

#include "base/bits.h"
#include "slab/slab_types.h"

HAK_EXTERN_C_BEGIN

void hak_i_slab_init(struct hak_slabs *slabs, struct hak_arena *arena);

/* Up to `count` empty spans of `bytes` with records, side by side in address order; how many came, 0: no memory. */
size_t hak_i_slab_acquire_row(struct hak_slabs *slabs, size_t bytes, struct hak_slab **out, size_t count);

/* Gives an empty span and its record back; every block of it is free here. */
void hak_i_slab_release(struct hak_slabs *slabs, struct hak_slab *slab);

/* Several, at least one, and those at once that follow each other. */
void hak_i_slab_release_row(struct hak_slabs *slabs, struct hak_slab *const *row, size_t count);

/* Makes an empty span a slab of that class; `id_base` is the owner's ID with class 0. */
void hak_i_slab_bind(struct hak_slabs *slabs, struct hak_slab *slab, unsigned class_index, struct hak_inbox *owner,
                     uint32_t id_base);

/* Makes a slab whose blocks are all free here an empty span: none of its addresses is a block's any more. */
void hak_i_slab_unbind(struct hak_slabs *slabs, struct hak_slab *slab);

/* Hands a bound slab to another owner. The caller holds both. */
void hak_i_slab_hand_over(struct hak_slabs *slabs, struct hak_slab *slab, struct hak_inbox *owner, uint32_t id_base);

/*
 * Puts up to `count` blocks below `end`, as on a stack that hands the last one out first: in address order, those freed
 * before those never used. How many.
 */
unsigned hak_i_slab_take(struct hak_slab *slab, unsigned count, void **end);

/* A block that was never used and reads as 0, or NULL when the slab has none. */
void *hak_i_slab_take_clean(struct hak_slab *slab);

/* Whether the blocks are distinct, all of this slab, each handed out once and not free here. */
bool hak_i_slab_are_out(const struct hak_slab *slab, void *const *blocks, unsigned count);

/* The same; much faster for the blocks that were last found out, in any order, if none came back to the slab since. */
bool hak_i_slab_are_still_out(struct hak_slab *slab, void *const *blocks, unsigned count);

/* Makes blocks free here. Bits that were free already or never used are left out of it and returned. */
uint64_t hak_i_slab_give(struct hak_slab *slab, unsigned word, uint64_t bits);

/* ----------------------------------------------------------------------------- blocks freed by other threads ---- */

/* What a freer's bits met. */
struct hak_publication {
    uint64_t freed_twice;   /* bits that another freer had published and nobody collected */
    struct hak_inbox *idle; /* not NULL: much is pending there and no thread holds it */
};

/* Hands blocks to the slab's owner. After it the caller must not touch the slab. Lock-free. */
struct hak_publication hak_i_slab_publish(struct hak_slab *slab, unsigned word, uint64_t bits);

/* Takes all pending slabs, linked by next_pending; the inbox is empty and not idle after it. */
struct hak_slab *hak_i_inbox_take(struct hak_inbox *inbox);

/* Marks an empty inbox idle; false: something is pending. */
bool hak_i_inbox_make_idle(struct hak_inbox *inbox);

/* Puts a slab that was taken from another inbox where it belongs. */
struct hak_inbox *hak_i_inbox_push(struct hak_inbox *inbox, struct hak_slab *slab);

/* The words of the slab that hold pending bits; each is then collected once with hak_i_slab_collect(). Owner only. */
uint64_t hak_i_slab_pending_words(struct hak_slab *slab);
uint64_t hak_i_slab_collect(struct hak_slab *slab, unsigned word);

/* A block that is pending and free at once, or pending and never used: it was freed twice; or NULL. */
void *hak_i_slab_find_double(const struct hak_slab *slab);

/* The number of a broken invariant of S1, S2, S3, S5, S6; 0 when they hold. For a slab at rest. */
int hak_i_slab_audit(const struct hak_slabs *slabs, const struct hak_slab *slab);

/* ---------------------------------------------------------------------------------------------------- inline ---- */

HAK_INLINE const struct hak_class *hak_i_slab_class(const struct hak_slab *slab)
{
    return &hak_i_slab_classes[slab->class_index];
}

HAK_INLINE unsigned hak_i_slab_quotient(const struct hak_class *class_of, uintptr_t offset)
{
    return (unsigned)((unsigned __int128)offset * class_of->inverse >> 64);
}

/* The number of the block that starts at `address`. */
HAK_INLINE unsigned hak_i_slab_index(const struct hak_slab *slab, uintptr_t address)
{
    return hak_i_slab_quotient(hak_i_slab_class(slab), address - slab->start);
}

HAK_INLINE void *hak_i_slab_block(const struct hak_slab *slab, unsigned index)
{
    return (void *)(slab->start + (uintptr_t)index * hak_i_slab_class(slab)->block_bytes);
}

HAK_INLINE bool hak_i_slab_has_room(const struct hak_slab *slab)
{
    return slab->free_count != 0 || slab->carved < hak_i_slab_class(slab)->block_count;
}

/* Whether something of it waits to be collected: it is in an inbox, or on its way there. */
HAK_INLINE bool hak_i_slab_is_pending(const struct hak_slab *slab)
{
    return hak_load_relaxed(&slab->summary) != 0;
}

/* Every block is free here or was never used. */
HAK_INLINE bool hak_i_slab_is_empty(const struct hak_slab *slab)
{
    return slab->free_count == slab->carved;
}

HAK_EXTERN_C_END

#endif
