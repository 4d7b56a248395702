// SPDX-License-Identifier: MIT
#include "meta/meta.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "os_boundary/os_boundary.h"

#define SMALLEST_BYTES ((size_t)64)
#define COMMIT_BYTES (64 * HAK_KIB)
#define RESERVE_BYTES (64 * HAK_MIB)

/* A piece begins with so much behind what it was reserved for: enough for the records of a small process. */
#define SPARE_BYTES (32 * HAK_KIB)

struct hak_meta_free {
    struct hak_meta_free *next;
};

/* At the start of each piece of address space. */
struct hak_meta_piece {
    struct hak_meta_piece *next;
    char *end;
};

HAK_STATIC_ASSERT(sizeof(struct hak_meta_piece) <= SMALLEST_BYTES, "what follows stays aligned");

void hak_i_meta_init(struct hak_meta *meta, bool address_space_is_limited)
{
    *meta = (struct hak_meta){.reserves = !address_space_is_limited};
    hak_i_base_lock_init(&meta->lock, HAK_RANK_META);
}

static unsigned size_index(size_t bytes)
{
    size_t rounded = hak_power_of_two_at_least(bytes < SMALLEST_BYTES ? SMALLEST_BYTES : bytes);
    return hak_bits_highest(rounded) - hak_bits_highest(SMALLEST_BYTES);
}

/* A new piece of address space with a guard page at both ends; what was left of the last piece stays unused. */
static bool reserve(struct hak_meta *meta, size_t bytes)
{
    size_t page = hak_i_os_page_bytes();
    size_t spare = meta->reserves ? SPARE_BYTES : 0;
    size_t usable = hak_round_up(SMALLEST_BYTES + bytes + spare, COMMIT_BYTES);
    size_t piece_bytes = meta->reserves && usable < RESERVE_BYTES ? RESERVE_BYTES : usable;
    char *memory = (char *)hak_i_os_reserve(piece_bytes + 2 * page);
    if (memory == NULL)
        return false;
    if (!hak_i_os_commit(memory + page, usable)) {
        hak_i_os_release(memory, piece_bytes + 2 * page);
        return false;
    }
    hak_i_os_name(memory, piece_bytes + 2 * page, HAK_OS_METADATA_NAME);
    struct hak_meta_piece *piece = (struct hak_meta_piece *)(void *)(memory + page);
    *piece = (struct hak_meta_piece){meta->pieces, memory + page + piece_bytes};
    meta->next = memory + page + SMALLEST_BYTES;
    meta->committed_end = memory + page + usable;
    meta->reserved_end = piece->end;
    hak_count(&meta->committed_bytes, usable);
    hak_count(&meta->reserved_bytes, piece_bytes + 2 * page);
    hak_store_release(&meta->pieces, piece); /* release: who finds the piece sees what it says */
    return true;
}

static bool commit_up_to(struct hak_meta *meta, char *end)
{
    size_t missing = hak_round_up((size_t)(end - meta->committed_end), COMMIT_BYTES);
    if (!hak_i_os_commit(meta->committed_end, missing))
        return false;
    meta->committed_end += missing;
    hak_count(&meta->committed_bytes, missing);
    return true;
}

static void *carve(struct hak_meta *meta, size_t bytes)
{
    if ((size_t)(meta->reserved_end - meta->next) < bytes && !reserve(meta, bytes))
        return NULL;
    char *end = meta->next + bytes;
    if (end > meta->committed_end && !commit_up_to(meta, end))
        return NULL;
    void *memory = meta->next;
    meta->next = end;
    return memory;
}

void *hak_i_meta_carve(struct hak_meta *meta, size_t bytes)
{
    hak_i_base_lock(&meta->lock);
    void *memory = carve(meta, hak_round_up(bytes, SMALLEST_BYTES));
    hak_i_base_unlock(&meta->lock);
    return memory;
}

void *hak_i_meta_acquire(struct hak_meta *meta, size_t bytes)
{
    unsigned index = size_index(bytes);
    HAK_CHECK(index < HAK_META_SIZES, "metadata record too large");
    hak_i_base_lock(&meta->lock);
    struct hak_meta_free *memory = meta->free[index];
    if (memory != NULL)
        meta->free[index] = memory->next;
    else
        memory = (struct hak_meta_free *)carve(meta, SMALLEST_BYTES << index);
    hak_i_base_unlock(&meta->lock);
    return memory;
}

void hak_i_meta_release(struct hak_meta *meta, void *memory, size_t bytes)
{
    unsigned index = size_index(bytes);
    struct hak_meta_free *freed = (struct hak_meta_free *)memory;
    hak_i_base_lock(&meta->lock);
    freed->next = meta->free[index];
    meta->free[index] = freed;
    hak_i_base_unlock(&meta->lock);
}

bool hak_i_meta_holds(const struct hak_meta *meta, uintptr_t address)
{
    /* acquire: pairs with the release in reserve() */
    const struct hak_meta_piece *piece = hak_load_acquire(&meta->pieces);
    while (piece != NULL && (address < (uintptr_t)piece || address >= (uintptr_t)piece->end))
        piece = piece->next;
    return piece != NULL;
}
