// SPDX-License-Identifier: MIT
// The kernel's count is the sum over /proc/self/smaps: it alone leaves out pages that were only read, and tells whose
// the other mappings are, in one pass. Which pages of hakmem's spans are there is asked of mincore(), span by span,
// since the kernel's text knows mappings alone.
#include "front/account.h"

#include "base/atomic.h"

#define WORTH_BYTES HAK_MIB
#define WORTH_PART 32

/* ---------------------------------------------------------------------------------------------- the kernel's ---- */

static bool is_of_tables(const struct hak_registry *registry, uintptr_t address)
{
    uintptr_t start = (uintptr_t)registry->ids;
    uintptr_t end = (uintptr_t)(registry->records + registry->units);
    return address >= start && address < end;
}

static bool is_record(const struct hak_process *process, uintptr_t address)
{
    return is_of_tables(&process->registry, address) || hak_i_meta_holds(&process->meta, address);
}

static void add_mapping(void *arg, const struct hak_os_mapping *mapping)
{
    struct hak_account *account = (struct hak_account *)arg;
    struct hak_kernel_count *kernel = &account->kernel;
    uint64_t bytes = mapping->usage.resident_bytes;
    const struct hak_registry *registry = &hak_i_process.registry;
    if (account->started && hak_i_registry_unit(registry, mapping->start) < registry->units) {
        kernel->blocks_bytes += bytes;
        kernel->huge_bytes += mapping->usage.huge_bytes;
    } else if (account->started && is_record(&hak_i_process, mapping->start)) {
        kernel->records_bytes += bytes;
    } else if (mapping->kind == HAK_OS_MAPPED_FILE) {
        kernel->file_bytes += bytes;
    } else if (mapping->kind == HAK_OS_MAPPED_STACK) {
        kernel->stack_bytes += bytes;
    } else {
        kernel->other_bytes += bytes;
    }
}

/* ----------------------------------------------------------------------------------------------- pages there ---- */

/* A piece of HAK_PIECE_BYTES while the walk is in it. */
struct piece {
    size_t number;
    uint64_t blocks;
    uint64_t block_bytes;
    uint64_t page_bytes;
};

static void end_piece(struct hak_page_count *pages, struct piece *piece, size_t next_number)
{
    pages->pieces += piece->blocks != 0;
    if (piece->blocks != 0 && piece->block_bytes < HAK_PIECE_BYTES / HAK_LONE_PART) {
        pages->lone_pieces++;
        pages->lone_blocks += piece->blocks;
        pages->lone_block_bytes += piece->block_bytes;
        pages->lone_page_bytes += piece->page_bytes;
    }
    *piece = (struct piece){.number = next_number};
}

static void add_slab(struct hak_page_count *pages, struct piece *piece, const struct hak_slab *slab, uint64_t bytes)
{
    unsigned class_index = hak_load_relaxed(&slab->class_index);
    struct hak_class_count count = hak_i_front_count_slab(slab);
    pages->class_bytes[class_index] += bytes;
    pages->slab_bytes += bytes;
    piece->page_bytes += bytes;
    if (count.kept_blocks != 0)
        pages->kept_slab_bytes += bytes;
    if ((int64_t)count.live_blocks > 0) { /* while threads run, its parts are of different moments */
        piece->blocks += count.live_blocks;
        piece->block_bytes += count.live_blocks * hak_i_slab_classes[class_index].block_bytes;
    }
}

static void add_span(struct hak_page_count *pages, struct piece *piece, const struct hak_held_span *span)
{
    void *address = (void *)hak_i_registry_address(&hak_i_process.registry, span->unit);
    size_t number = (span->unit << HAK_UNIT_SHIFT) / HAK_PIECE_BYTES;
    if (number != piece->number)
        end_piece(pages, piece, number);
    if (span->kind == HAK_SPAN_OTHER)
        return;
    uint64_t span_bytes = (uint64_t)span->units << HAK_UNIT_SHIFT;
    size_t bytes = hak_i_os_paged_bytes(address, span_bytes);
    if (bytes == SIZE_MAX) {
        pages->known = false;
        bytes = 0;
    }
    if (span->kind == HAK_SPAN_SLAB) {
        add_slab(pages, piece, span->slab, bytes);
    } else if (span->kind == HAK_SPAN_EMPTY_SLAB) {
        pages->empty_slab_bytes += bytes;
    } else {
        pages->large_bytes += bytes;
        piece->blocks++;
        piece->block_bytes += span_bytes;
        piece->page_bytes += bytes;
    }
}

static void count_pages(struct hak_page_count *pages)
{
    struct piece piece = {0};
    struct hak_held_span span;
    pages->known = true;
    for (size_t unit = 0; hak_i_front_next_span(&hak_i_process, unit, &span); unit = span.unit + span.units)
        add_span(pages, &piece, &span);
    end_piece(pages, &piece, 0);
}

/* -------------------------------------------------------------------------------------------------- together ---- */

void hak_i_account_take(struct hak_account *account)
{
    *account = (struct hak_account){.started = hak_i_front_started()};
    hak_i_front_snapshot(&account->stats, &account->census);
    if (account->started) {
        account->retained_bytes = hak_load_relaxed(&hak_i_process.arena.retained_bytes);
        count_pages(&account->pages);
    }
    account->usage_known = hak_i_os_usage(&account->usage);
    account->kernel.known = hak_i_os_each_mapping(add_mapping, account);
    account->group = hak_i_os_group();
}

uint64_t hak_i_account_own_bytes(const struct hak_account *account)
{
    return account->kernel.blocks_bytes + account->kernel.records_bytes;
}

uint64_t hak_i_account_empty_slab_bytes(const struct hak_account *account)
{
    return account->census.empty_slab_bytes + account->census.kept_slab_bytes;
}

uint64_t hak_i_account_worth_bytes(const struct hak_account *account)
{
    uint64_t part = account->stats.committed_bytes / WORTH_PART;
    return part < WORTH_BYTES ? part : WORTH_BYTES;
}

uint64_t hak_i_account_free_span_bytes(const struct hak_account *account)
{
    const struct hak_page_count *pages = &account->pages;
    uint64_t held_bytes = pages->slab_bytes + pages->empty_slab_bytes + pages->large_bytes;
    bool known = account->kernel.known && pages->known && account->kernel.blocks_bytes > held_bytes;
    return known ? account->kernel.blocks_bytes - held_bytes : 0;
}
