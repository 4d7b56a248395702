// SPDX-License-Identifier: MIT
// Blocks freed by threads that do not own the slab. A freer sets bits; the first to make a word non-zero names the word
// in the summary; the first to make the summary non-zero puts the slab into its owner's inbox. So a freer's last access
// to the record is the operation that makes its own bits collectable, and a released slab is never touched.
// models/remote_free.pml and models/handover.pml explore every interleaving.
#include "slab/slab.h"

/* So much must be pending at an idle heap before a freer looks after it. */
#define IDLE_PENDING_BYTES (256 * HAK_KIB)

struct hak_inbox *hak_i_inbox_push(struct hak_inbox *inbox, struct hak_slab *slab)
{
    size_t span_bytes = slab->span_bytes;
    uintptr_t head = hak_load_relaxed(&inbox->head);
    do {
        hak_store_relaxed(&slab->next_pending, (struct hak_slab *)(head & ~HAK_INBOX_IDLE));
        /* release: who takes the inbox sees next_pending, and through the chain the summary and the bits */
    } while (!hak_cas_weak_release(&inbox->head, &head, (uintptr_t)slab | (head & HAK_INBOX_IDLE)));
    if ((head & HAK_INBOX_IDLE) == 0)
        return NULL;
    /* relaxed: a hint */
    size_t pending_bytes = hak_fetch_add_relaxed(&inbox->idle_bytes, span_bytes) + span_bytes;
    return pending_bytes >= IDLE_PENDING_BYTES ? inbox : NULL;
}

struct hak_publication hak_i_slab_publish(struct hak_slab *slab, unsigned word, uint64_t bits)
{
    /* release: the owner that collects the bits sees all the program did with the blocks */
    uint64_t before = hak_fetch_or_release(&slab->remote[word], bits);
    struct hak_publication result = {before & bits, NULL};
    if (before != 0)
        return result;
    /* acq_rel: release carries the bits to the owner; acquire orders the owner's earlier collection before the push */
    if (hak_fetch_or_acq_rel(&slab->summary, (uint64_t)1 << word) != 0)
        return result;
    /* acquire: the inbox is set up; a stale owner forwards */
    result.idle = hak_i_inbox_push(hak_load_acquire(&slab->owner), slab);
    return result;
}

struct hak_slab *hak_i_inbox_take(struct hak_inbox *inbox)
{
    /* relaxed: an inbox that looks empty can be left alone, for what is pushed now is taken later */
    if (hak_load_relaxed(&inbox->head) == 0)
        return NULL;
    /* acquire: pairs with the pushers' release */
    uintptr_t head = hak_exchange_acquire(&inbox->head, 0);
    if ((head & HAK_INBOX_IDLE) != 0)
        hak_store_relaxed(&inbox->idle_bytes, 0);
    return (struct hak_slab *)(head & ~HAK_INBOX_IDLE);
}

bool hak_i_inbox_make_idle(struct hak_inbox *inbox)
{
    uintptr_t empty = 0;
    /* acq_rel: the holder's work on its slabs comes before the mark that lets others claim them */
    return hak_cas_strong_acq_rel(&inbox->head, &empty, HAK_INBOX_IDLE);
}

uint64_t hak_i_slab_pending_words(struct hak_slab *slab)
{
    /*
     * acq_rel: acquire pairs with the freers' summary; release so that a freer that finds 0 comes after next_pending
     * was read
     */
    return hak_exchange_acq_rel(&slab->summary, 0);
}

uint64_t hak_i_slab_collect(struct hak_slab *slab, unsigned word)
{
    /* acquire: pairs with the freers' fetch_or, so the blocks may be written again */
    return hak_exchange_acquire(&slab->remote[word], 0);
}
