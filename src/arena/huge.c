// SPDX-License-Identifier: MIT
// Huge pages: which memory asks for them, and what they make of the units around one that is written. The pages of this
// file are huge ones.
#include "arena/arena_private.h"
#include "base/bitmap.h"
#include "base/option.h"
#include "os_boundary/os_boundary.h"

/* A smaller heap would grow by over a twentieth through the one page that is not full yet. */
#define HUGE_FROM_UNITS (40 * HAK_MIB / HAK_UNIT_BYTES)

/*
 * Spans up to this size are slabs of small blocks, soon written everywhere. Larger slabs and large blocks may be
 * written here and there only: with them, mid_large_mt took half as much memory again.
 */
#define DENSE_UNITS_MAX (64 * HAK_KIB / HAK_UNIT_BYTES)

/*
 * Each place where pages begin or end that are asked for one by one divides a mapping: past so many, no more are asked
 * for.
 */
#define EDGES_MAX 128

/* A slab that opens clean pages asks for so many at a time. */
#define PAGES_ASKED_MAX 4

static bool range_is_huge(void)
{
    return hak_i_base_options.thp == HAK_THP_ALWAYS;
}

/* Where small pages are larger, huge ones are of 32 MiB and more: too much to bring for a slab. */
static bool pages_are_of_2_mib(void)
{
    return hak_i_os_page_bytes() == 4 * HAK_KIB;
}

static bool advise(const struct hak_registry *registry, struct hak_span span, bool huge)
{
    void *address = (void *)hak_i_registry_address(registry, span.first);
    return hak_i_os_advise_huge(address, span.units << HAK_UNIT_SHIFT, huge);
}

/* -------------------------------------------------------------------------------------------------- asking ---- */

void hak_i_arena_advise_range(const struct hak_arena *arena)
{
    if (arena->registry->reserved)
        (void)advise(arena->registry, (struct hak_span){0, arena->registry->units}, range_is_huge());
}

bool hak_i_arena_may_ask_for_pages(const struct hak_arena *arena)
{
    return hak_i_base_options.thp == HAK_THP_AUTO && pages_are_of_2_mib() &&
           hak_load_relaxed(&arena->committed_units) >= HUGE_FROM_UNITS;
}

bool hak_i_arena_grows_huge_locked(const struct hak_arena *arena, size_t units)
{
    return range_is_huge() || (units <= DENSE_UNITS_MAX && hak_i_arena_may_ask_for_pages(arena));
}

void hak_i_arena_advise_pages(const struct hak_arena *arena, struct hak_span pages, bool huge)
{
    (void)advise(arena->registry, pages, huge);
}

bool hak_i_arena_may_be_huge(struct hak_span chunk)
{
    return range_is_huge() || (chunk.first + chunk.units) % HAK_HUGE_UNITS == 0;
}

void hak_i_arena_advise_chunk(const struct hak_arena *arena, struct hak_span chunk, bool huge)
{
    if (!arena->registry->reserved || huge != range_is_huge())
        (void)advise(arena->registry, chunk, huge);
}

/* Whether some of them were none before. */
static bool note_pages(struct hak_arena *arena, size_t first_page, size_t end_page)
{
    size_t added = end_page - first_page - hak_bitmap_count(arena->huge, first_page, end_page - first_page);
    hak_bitmap_set(arena->huge, first_page, end_page - first_page);
    arena->huge_pages += added;
    if (arena->huge_end < end_page)
        arena->huge_end = end_page;
    return added != 0;
}

/* Whether any of them was asked for, if only in part. */
static bool forget_pages(struct hak_arena *arena, size_t first_page, size_t end_page)
{
    size_t removed = hak_bitmap_clear(arena->huge, first_page, end_page - first_page);
    bool asked = removed != 0;
    arena->huge_pages -= removed;
    for (size_t page = first_page; page < end_page; page++) {
        asked |= arena->asked[page] != 0;
        arena->asked[page] = 0;
    }
    return asked;
}

bool hak_i_arena_change_pages_locked(struct hak_arena *arena, struct hak_span pages, bool huge)
{
    size_t first_page = pages.first / HAK_HUGE_UNITS, end_page = (pages.first + pages.units) / HAK_HUGE_UNITS;
    return huge ? note_pages(arena, first_page, end_page) : forget_pages(arena, first_page, end_page);
}

static size_t count_edges(const struct hak_arena *arena)
{
    size_t edges = 0;
    uint64_t last = 0;
    for (size_t word = 0; word <= arena->huge_end / 64; word++) {
        uint64_t bits = arena->huge[word];
        edges += hak_bits_count(bits ^ (bits << 1 | last));
        last = bits >> 63;
    }
    return edges;
}

bool hak_i_arena_may_divide_locked(const struct hak_arena *arena)
{
    return count_edges(arena) < EDGES_MAX;
}

/* It is one with its last part. */
static void note_part_of_page(struct hak_arena *arena, size_t page, size_t units)
{
    if (units == 0)
        return;
    arena->asked[page] += (uint8_t)units;
    if (arena->asked[page] == HAK_HUGE_UNITS)
        (void)note_pages(arena, page, page + 1);
}

void hak_i_arena_note_huge_locked(struct hak_arena *arena, struct hak_span chunk)
{
    size_t end = chunk.first + chunk.units;
    size_t first_page = hak_round_up(chunk.first, HAK_HUGE_UNITS) / HAK_HUGE_UNITS;
    size_t end_page = end / HAK_HUGE_UNITS;
    if (first_page > end_page) {
        note_part_of_page(arena, end_page, chunk.units);
        return;
    }
    note_part_of_page(arena, first_page - 1, first_page * HAK_HUGE_UNITS - chunk.first);
    if (first_page != end_page)
        (void)note_pages(arena, first_page, end_page);
    note_part_of_page(arena, end_page, end - end_page * HAK_HUGE_UNITS);
}

static bool is_huge(const struct hak_arena *arena, size_t page)
{
    return hak_bitmap_count(arena->huge, page, 1) != 0;
}

static bool is_clean(const struct hak_arena *arena, size_t page)
{
    size_t first = page * HAK_HUGE_UNITS;
    return hak_i_runs_count(&arena->free, first, HAK_HUGE_UNITS) == HAK_HUGE_UNITS &&
           hak_i_runs_count(&arena->dirty, first, HAK_HUGE_UNITS) == 0;
}

/* The clean small pages from the one on that the unit lies in. */
static struct hak_span pages_to_ask_for(const struct hak_arena *arena, size_t unit)
{
    size_t first = unit / HAK_HUGE_UNITS, end = first;
    while (end - first < PAGES_ASKED_MAX && end < arena->registry->units / HAK_HUGE_UNITS && !is_huge(arena, end) &&
           is_clean(arena, end))
        end++;
    return (struct hak_span){first * HAK_HUGE_UNITS, (end - first) * HAK_HUGE_UNITS};
}

/* A fault brings no huge page where a page table is left, which Linux (from 6.14 on) frees with all that it maps. */
static void drop_page_tables(const struct hak_arena *arena, struct hak_span pages)
{
    hak_i_os_purge((void *)hak_i_registry_address(arena->registry, pages.first), pages.units << HAK_UNIT_SHIFT);
}

/* They are nobody's while the kernel is told. */
bool hak_i_arena_ask_before_taking_locked(struct hak_arena *arena, struct hak_span span)
{
    if (span.units > DENSE_UNITS_MAX || !hak_i_arena_may_ask_for_pages(arena))
        return false;
    struct hak_span pages = pages_to_ask_for(arena, span.first);
    if (pages.units == 0 || !hak_i_arena_may_divide_locked(arena))
        return false;
    (void)hak_i_arena_take_locked(arena, pages.first, pages.units);
    arena->purging_units += pages.units;
    hak_i_base_unlock(&arena->lock);
    drop_page_tables(arena, pages);
    hak_i_arena_advise_pages(arena, pages, true);
    hak_i_base_lock(&arena->lock);
    arena->purging_units -= pages.units;
    (void)hak_i_arena_change_pages_locked(arena, pages, true);
    hak_i_arena_put_locked(arena, pages.first, pages.units, 0);
    return true;
}

/* -------------------------------------------------------------------------------------------------- taking ---- */

static void count_as_written(struct hak_arena *arena, size_t first, size_t units)
{
    if (units == 0)
        return;
    hak_i_runs_add(&arena->dirty, first, units);
    hak_bitmap_set(arena->zeroed, first, units);
    hak_store_relaxed(&arena->dirty_units, arena->dirty_units + units);
}

static bool is_untouched(const struct hak_arena *arena, size_t page)
{
    return is_huge(arena, page) && is_clean(arena, page);
}

/*
 * The first unit taken of a page brings all of it: its other units are there from then on, written or not, so they
 * count as written and are taken first.
 */
static void open_page(struct hak_arena *arena, size_t page, struct hak_span span)
{
    size_t first = page * HAK_HUGE_UNITS;
    size_t end = first + HAK_HUGE_UNITS;
    size_t span_end = span.first + span.units;
    if (!is_untouched(arena, page))
        return;
    if (span.first > first)
        count_as_written(arena, first, span.first - first);
    if (span_end < end)
        count_as_written(arena, span_end, end - span_end);
}

void hak_i_arena_open_pages_locked(struct hak_arena *arena, struct hak_span span)
{
    if (arena->huge_pages == 0)
        return;
    size_t first_page = span.first / HAK_HUGE_UNITS;
    size_t last_page = (span.first + span.units - 1) / HAK_HUGE_UNITS;
    open_page(arena, first_page, span);
    if (last_page != first_page)
        open_page(arena, last_page, span);
}

size_t hak_i_arena_opened_units_locked(const struct hak_arena *arena, struct hak_span span)
{
    size_t end = span.first + span.units;
    size_t first_page = span.first / HAK_HUGE_UNITS, last_page = (end - 1) / HAK_HUGE_UNITS;
    size_t opened = 0;
    if (arena->huge_pages == 0 || span.units == 0)
        return 0;
    if (is_untouched(arena, first_page))
        opened += span.first % HAK_HUGE_UNITS;
    if (is_untouched(arena, last_page))
        opened += (last_page + 1) * HAK_HUGE_UNITS - end;
    return opened;
}

static void count_rest_as_written(struct hak_arena *arena, size_t page)
{
    size_t first = page * HAK_HUGE_UNITS;
    if (!is_huge(arena, page) || is_untouched(arena, page))
        return;
    for (size_t unit = first; unit < first + HAK_HUGE_UNITS; unit++)
        if (hak_i_runs_has(&arena->free, unit) && !hak_i_runs_has(&arena->dirty, unit))
            count_as_written(arena, unit, 1);
}

void hak_i_arena_note_completed_locked(struct hak_arena *arena, struct hak_span chunk)
{
    if (arena->huge_pages == 0)
        return;
    size_t first_page = chunk.first / HAK_HUGE_UNITS;
    size_t last_page = (chunk.first + chunk.units - 1) / HAK_HUGE_UNITS;
    count_rest_as_written(arena, first_page);
    if (last_page != first_page)
        count_rest_as_written(arena, last_page);
}

static void note_part(struct hak_arena *arena, size_t page, struct hak_span span)
{
    size_t first = page * HAK_HUGE_UNITS, end = first + HAK_HUGE_UNITS;
    size_t span_end = span.first + span.units;
    first = span.first > first ? span.first : first;
    end = span_end < end ? span_end : end;
    if (end - first < HAK_HUGE_UNITS && is_huge(arena, page))
        count_as_written(arena, first, end - first);
}

void hak_i_arena_note_brought_locked(struct hak_arena *arena, struct hak_span span)
{
    if (arena->huge_pages == 0 || span.units == 0)
        return;
    size_t first_page = span.first / HAK_HUGE_UNITS;
    size_t last_page = (span.first + span.units - 1) / HAK_HUGE_UNITS;
    note_part(arena, first_page, span);
    if (last_page != first_page)
        note_part(arena, last_page, span);
}

/* --------------------------------------------------------------------------------------------- giving back ---- */

static bool is_whole(const struct hak_arena *arena, size_t page)
{
    return is_huge(arena, page) &&
           hak_i_runs_count(&arena->dirty, page * HAK_HUGE_UNITS, HAK_HUGE_UNITS) == HAK_HUGE_UNITS;
}

/* The highest come first, for the lowest free memory is taken next. */
struct hak_span hak_i_arena_find_whole_pages_locked(const struct hak_arena *arena, size_t units)
{
    size_t end = arena->dirty_units < HAK_HUGE_UNITS ? 0 : arena->huge_end;
    while (end != 0 && !is_whole(arena, end - 1))
        end--;
    size_t first = end;
    while (first != 0 && (end - first) * HAK_HUGE_UNITS < units && is_whole(arena, first - 1))
        first--;
    return (struct hak_span){first * HAK_HUGE_UNITS, (end - first) * HAK_HUGE_UNITS};
}

static bool covers(struct hak_span span, size_t page)
{
    size_t first = page * HAK_HUGE_UNITS;
    return span.first <= first && first + HAK_HUGE_UNITS <= span.first + span.units;
}

static void split_page(struct hak_arena *arena, struct hak_split *split, struct hak_span span, size_t page)
{
    if (covers(span, page) || hak_bitmap_clear(arena->huge, page, 1) == 0)
        return;
    arena->huge_pages--;
    split->pages[split->count++] = page;
}

/* Else the kernel would make a page that is given back in part whole again, and no one would count it. */
struct hak_split hak_i_arena_split_pages_locked(struct hak_arena *arena, struct hak_span span)
{
    struct hak_split split = {.count = 0};
    split_page(arena, &split, span, span.first / HAK_HUGE_UNITS);
    split_page(arena, &split, span, (span.first + span.units - 1) / HAK_HUGE_UNITS);
    return split;
}

void hak_i_arena_advise_split(const struct hak_arena *arena, const struct hak_split *split)
{
    for (unsigned i = 0; i < split->count; i++)
        (void)advise(arena->registry, (struct hak_span){split->pages[i] * HAK_HUGE_UNITS, HAK_HUGE_UNITS}, false);
}

/* -------------------------------------------------------------------------------------------------- moving ---- */

/* A span, and what of the huge pages at its ends lies outside; where nothing is reserved, that may be nobody's. */
static struct hak_span with_its_pages(const struct hak_arena *arena, struct hak_span span)
{
    size_t first = span.first, end = span.first + span.units;
    if (arena->registry->reserved || is_huge(arena, first / HAK_HUGE_UNITS))
        first = hak_round_down(first, HAK_HUGE_UNITS);
    if (arena->registry->reserved || is_huge(arena, (end - 1) / HAK_HUGE_UNITS))
        end = hak_round_up(end, HAK_HUGE_UNITS);
    return (struct hak_span){first, end - first};
}

/* Its pages are none from now on, nor are those that lie in it in part. Whether any was; *told: what to advise then. */
static bool forget_span_locked(struct hak_arena *arena, struct hak_span span, struct hak_span *told)
{
    *told = with_its_pages(arena, span);
    return forget_pages(arena, span.first / HAK_HUGE_UNITS, (span.first + span.units - 1) / HAK_HUGE_UNITS + 1);
}

/* False: the system refuses. */
static bool take_advice_back(struct hak_arena *arena, struct hak_span span)
{
    struct hak_span told;
    hak_i_base_lock(&arena->lock);
    bool asked = forget_span_locked(arena, span, &told);
    hak_i_base_unlock(&arena->lock);
    return !asked || advise(arena->registry, told, false);
}

/* Whether all of a span was asked for. */
static bool is_huge_all_over(struct hak_arena *arena, struct hak_span span)
{
    size_t first_page = span.first / HAK_HUGE_UNITS;
    size_t pages = (span.first + span.units - 1) / HAK_HUGE_UNITS + 1 - first_page;
    hak_i_base_lock(&arena->lock);
    bool all = hak_bitmap_count(arena->huge, first_page, pages) == pages;
    hak_i_base_unlock(&arena->lock);
    return all;
}

/* What was asked for divides mappings. */
bool hak_i_arena_join_pages(struct hak_arena *arena, struct hak_span span)
{
    return range_is_huge() ? is_huge_all_over(arena, span) : take_advice_back(arena, span);
}

/* The pages brought along what the kernel was told of `from`. */
void hak_i_arena_note_moved(struct hak_arena *arena, struct hak_span from, struct hak_span to)
{
    hak_i_base_lock(&arena->lock);
    struct hak_split split = hak_i_arena_split_pages_locked(arena, from);
    hak_i_base_unlock(&arena->lock);
    hak_i_arena_advise_split(arena, &split);
    if (!range_is_huge())
        (void)take_advice_back(arena, to);
}

/* Nor is a page that lies in it in part, for the kernel makes none of memory that it was told different things of. */
void hak_i_arena_note_remade(struct hak_arena *arena, struct hak_span span)
{
    struct hak_span told;
    hak_i_base_lock(&arena->lock);
    (void)forget_span_locked(arena, span, &told);
    if (span.units > 1)
        arena->seam_count -= hak_bitmap_clear(arena->seams, span.first + 1, span.units - 1);
    hak_i_base_unlock(&arena->lock);
    (void)advise(arena->registry, told, false);
}
