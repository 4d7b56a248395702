// SPDX-License-Identifier: MIT
// From any address to its region ID and its record, in O(1): one reserved range of address space, cut into units of
// 16 KiB, with two flat tables. The IDs are opaque numbers here, but for 0: nothing starts in that unit.
#ifndef HAK_REGISTRY_H
#define HAK_REGISTRY_H

#include "base/atomic.h"
#include "base/attributes.h"

HAK_EXTERN_C_BEGIN

#define HAK_UNIT_SHIFT 14
#define HAK_UNIT_BYTES ((size_t)1 << HAK_UNIT_SHIFT)

/* The range starts at a multiple of this, which is also the largest growth step that keeps its natural alignment. */
#define HAK_RANGE_ALIGNMENT (8 * HAK_MIB)

#define HAK_REGISTRY_PIECES ((size_t)1 << 16)

/*
 * Invariants
 *   R1  base is a multiple of HAK_RANGE_ALIGNMENT, and units * HAK_UNIT_BYTES bytes from it belong to the range
 *   R2  ids[u] != 0  =>  records[u] != NULL
 *   R3  a table entry is written only by the holder of its unit, after hak_i_registry_cover() succeeded for it
 */
struct hak_registry {
    uintptr_t base;
    size_t units;
    uint32_t *ids;  /* atomic entries */
    void **records; /* atomic entries */
    bool reserved;  /* the whole range is ours; else pieces of it are mapped where nothing else is */
    uint64_t reserved_bytes;
    uint64_t committed_bytes;                   /* of the tables; atomic */
    uint64_t covered[HAK_REGISTRY_PIECES / 64]; /* a bit per writable piece of both tables; atomic */
};

/* Sets the range and the tables up. False: not even the smallest range can be had. */
bool hak_i_registry_init(struct hak_registry *registry);

/* Makes the entries of these units writable. False: no memory. Any thread, no lock needed. */
bool hak_i_registry_cover(struct hak_registry *registry, size_t first_unit, size_t count);

/* How many equal pieces of both tables are writable. */
size_t hak_i_registry_pieces(const struct hak_registry *registry);

/* The unit of an address; at or above registry->units when the address is outside the range. */
HAK_INLINE size_t hak_i_registry_unit(const struct hak_registry *registry, uintptr_t address)
{
    return (address - registry->base) >> HAK_UNIT_SHIFT;
}

HAK_INLINE uintptr_t hak_i_registry_address(const struct hak_registry *registry, size_t unit)
{
    return registry->base + (unit << HAK_UNIT_SHIFT);
}

/*
 * Relaxed reads: who frees a block got its address from the thread that allocated it, through synchronisation of the
 * program's own, so the entries are older than the block. For other pointers any value is answered by a check.
 */
HAK_INLINE uint32_t hak_i_registry_id(const struct hak_registry *registry, size_t unit)
{
    return hak_load_relaxed(&registry->ids[unit]);
}

HAK_INLINE void *hak_i_registry_record(const struct hak_registry *registry, size_t unit)
{
    return hak_load_relaxed(&registry->records[unit]);
}

HAK_INLINE void hak_i_registry_set_id(struct hak_registry *registry, size_t unit, uint32_t id)
{
    hak_store_relaxed(&registry->ids[unit], id);
}

HAK_INLINE void hak_i_registry_set_record(struct hak_registry *registry, size_t unit, void *record)
{
    hak_store_relaxed(&registry->records[unit], record);
}

HAK_EXTERN_C_END

#endif
