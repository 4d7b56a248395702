// SPDX-License-Identifier: MIT
#include "registry/registry.h"

#include "base/bits.h"
#include "os_boundary/os_boundary.h"

#define UNITS_PER_PIECE ((size_t)1 << 14)
#define RANGE_BYTES_MAX (HAK_REGISTRY_PIECES * UNITS_PER_PIECE * HAK_UNIT_BYTES)
#define RANGE_BYTES_MIN HAK_RANGE_ALIGNMENT

/* Where pieces are mapped one by one, they go this far below the place the kernel would choose for a mapping. */
#define DISTANCE_FROM_MAPPINGS (64 * HAK_GIB)

HAK_STATIC_ASSERT(RANGE_BYTES_MAX == (size_t)1 << 44, "the range can span 16 TiB");

/* The bytes of both tables, 0 when they could not be mapped. */
static size_t map_tables(struct hak_registry *registry, size_t units)
{
    size_t page = hak_i_os_page_bytes();
    size_t id_bytes = hak_round_up(units * sizeof *registry->ids, page);
    size_t record_bytes = hak_round_up(units * sizeof *registry->records, page);
    char *tables = (char *)hak_i_os_reserve_table(id_bytes + record_bytes);
    if (tables == NULL)
        return 0;
    registry->ids = (uint32_t *)tables;
    registry->records = (void **)(tables + id_bytes);
    registry->units = units;
    registry->reserved_bytes += id_bytes + record_bytes;
    return id_bytes + record_bytes;
}

/* Tables and range in one call where they are neighbours, which they are if the kernel found no gap that fits. */
static void name_both(char *tables, size_t table_bytes, char *range, size_t range_bytes)
{
    bool together = tables + table_bytes == range;
    hak_i_os_name(tables, together ? table_bytes + range_bytes : table_bytes, HAK_OS_HEAP_NAME);
    if (!together)
        hak_i_os_name(range, range_bytes, HAK_OS_HEAP_NAME);
}

static bool reserve_range(struct hak_registry *registry, size_t bytes)
{
    char *range = (char *)hak_i_os_reserve(bytes + HAK_RANGE_ALIGNMENT);
    if (range == NULL)
        return false;
    size_t table_bytes = map_tables(registry, bytes >> HAK_UNIT_SHIFT);
    if (table_bytes == 0) {
        hak_i_os_release(range, bytes + HAK_RANGE_ALIGNMENT);
        return false;
    }
    registry->base = hak_round_up((uintptr_t)range, HAK_RANGE_ALIGNMENT);
    registry->reserved = true;
    name_both((char *)registry->ids, table_bytes, range, bytes + HAK_RANGE_ALIGNMENT);
    registry->reserved_bytes += bytes + HAK_RANGE_ALIGNMENT;
    return true;
}

static bool reserve_largest_range(struct hak_registry *registry)
{
    size_t bytes = hak_power_of_two_at_least(2 * hak_i_os_physical_bytes());
    if (bytes > RANGE_BYTES_MAX)
        bytes = RANGE_BYTES_MAX;
    for (; bytes >= RANGE_BYTES_MIN; bytes /= 2)
        if (reserve_range(registry, bytes))
            return true;
    return false;
}

/* Reserves nothing: the range only names addresses, and the arena maps its chunks there where nothing else is. */
static bool choose_range(struct hak_registry *registry, size_t limit_bytes)
{
    size_t bytes = hak_round_up(limit_bytes < RANGE_BYTES_MAX ? limit_bytes : RANGE_BYTES_MAX, HAK_RANGE_ALIGNMENT);
    size_t table_bytes = map_tables(registry, bytes >> HAK_UNIT_SHIFT);
    if (table_bytes == 0)
        return false;
    hak_i_os_name(registry->ids, table_bytes, HAK_OS_HEAP_NAME);
    uintptr_t below = (uintptr_t)registry->ids - bytes;
    if (below > 2 * DISTANCE_FROM_MAPPINGS && below < (uintptr_t)registry->ids)
        below -= DISTANCE_FROM_MAPPINGS;
    registry->base = hak_round_down(below, HAK_RANGE_ALIGNMENT);
    return true;
}

bool hak_i_registry_init(struct hak_registry *registry)
{
    size_t limit_bytes = hak_i_os_address_limit_bytes();
    return limit_bytes == SIZE_MAX ? reserve_largest_range(registry) : choose_range(registry, limit_bytes);
}

static bool is_covered(const struct hak_registry *registry, size_t piece)
{
    /* acquire: pairs with the release below, so that the table is writable for who sees the bit */
    return (hak_load_acquire(&registry->covered[piece / 64]) >> piece % 64 & 1) != 0;
}

/* The bytes of a table that one piece takes, 0 when they could not be made writable. */
static size_t cover_part(struct hak_registry *registry, void *table, size_t entry_bytes, size_t piece)
{
    size_t first = piece * UNITS_PER_PIECE;
    size_t end = first + UNITS_PER_PIECE < registry->units ? first + UNITS_PER_PIECE : registry->units;
    size_t bytes = hak_round_up((end - first) * entry_bytes, hak_i_os_page_bytes());
    return hak_i_os_commit((char *)table + first * entry_bytes, bytes) ? bytes : 0;
}

/* The last piece of all may be shorter. */
size_t hak_i_registry_pieces(const struct hak_registry *registry)
{
    size_t piece_bytes = UNITS_PER_PIECE * (sizeof *registry->ids + sizeof *registry->records);
    return (hak_load_relaxed(&registry->committed_bytes) + piece_bytes - 1) / piece_bytes;
}

/* Two threads may cover a piece at once: the second call finds it writable already. */
static bool cover_piece(struct hak_registry *registry, size_t piece)
{
    size_t id_bytes = cover_part(registry, registry->ids, sizeof *registry->ids, piece);
    size_t record_bytes = cover_part(registry, registry->records, sizeof *registry->records, piece);
    if (id_bytes == 0 || record_bytes == 0)
        return false;
    uint64_t bit = (uint64_t)1 << piece % 64;
    if ((hak_fetch_or_release(&registry->covered[piece / 64], bit) & bit) == 0)
        hak_fetch_add_relaxed(&registry->committed_bytes, id_bytes + record_bytes);
    return true;
}

bool hak_i_registry_cover(struct hak_registry *registry, size_t first_unit, size_t count)
{
    size_t last_piece = (first_unit + count - 1) / UNITS_PER_PIECE;
    for (size_t piece = first_unit / UNITS_PER_PIECE; piece <= last_piece; piece++)
        if (!is_covered(registry, piece) && !cover_piece(registry, piece))
            return false;
    return true;
}
