// SPDX-License-Identifier: MIT
// The table of size classes, and where few blocks keep many pages.
#include "front/account.h"
#include "front/page.h"

#define ROWS_MAX 10

struct row {
    unsigned class_index;
    uint64_t kept_bytes; /* free, and perhaps still written: in slabs, on stacks, or pending */
};

static uint64_t bytes_of(unsigned class_index, uint64_t blocks)
{
    return hak_i_census_at_least_0(blocks) * hak_i_slab_classes[class_index].block_bytes;
}

static uint64_t kept_bytes(const struct hak_account *account, unsigned class_index)
{
    const struct hak_class_count *count = &account->census.classes[class_index];
    return bytes_of(class_index, count->free_blocks + count->stack_blocks + count->pending_blocks);
}

/* The rows that keep most, those first; returns how many. */
static unsigned sort_rows(const struct hak_account *account, struct row *rows)
{
    unsigned count = 0;
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        struct row row = {i, kept_bytes(account, i)};
        unsigned at = count < ROWS_MAX ? count : ROWS_MAX;
        if (account->census.classes[i].slabs == 0)
            continue;
        for (; at > 0 && rows[at - 1].kept_bytes < row.kept_bytes; at--)
            if (at < ROWS_MAX)
                rows[at] = rows[at - 1];
        if (at < ROWS_MAX)
            rows[at] = row;
        count++;
    }
    return count;
}

static void say_row(const struct hak_account *account, struct hak_page *page, unsigned class_index)
{
    const struct hak_class_count *count = &account->census.classes[class_index];
    const struct hak_class *of = &hak_i_slab_classes[class_index];
    uint64_t live_bytes = bytes_of(class_index, count->live_blocks);
    hak_i_page_say(page, "  %10u %9u %13u %5u %% %12b %12b %12b", (uint64_t)of->block_bytes, count->slabs,
                   count->live_blocks, live_bytes * 100 / (count->slabs * of->slab_bytes),
                   bytes_of(class_index, count->free_blocks), bytes_of(class_index, count->stack_blocks),
                   bytes_of(class_index, count->unused_blocks));
    if (account->pages.known)
        hak_i_page_say(page, " %12b", account->pages.class_bytes[class_index]);
    hak_i_page_say(page, "\n");
}

static void say_table(const struct hak_account *account, struct hak_page *page)
{
    struct row rows[ROWS_MAX];
    unsigned count = sort_rows(account, rows);
    if (count == 0)
        return;
    hak_i_page_say(page, "\nSize classes, those that keep most free memory first:\n");
    hak_i_page_say(page, "  %10s %9s %13s %7s %12s %12s %12s%s\n", "block size", "slabs", "live blocks", "in use",
                   "free in slab", "on stacks", "never used", account->pages.known ? "        pages" : "");
    for (unsigned i = 0; i < count && i < ROWS_MAX; i++)
        say_row(account, page, rows[i].class_index);
    if (count > ROWS_MAX)
        hak_i_page_say(page, "  and %u more, which keep less\n", (uint64_t)(count - ROWS_MAX));
}

static void say_lone_blocks(const struct hak_account *account, struct hak_page *page)
{
    const struct hak_page_count *pages = &account->pages;
    if (!pages->known || pages->lone_page_bytes < hak_i_account_worth_bytes(account))
        return;
    hak_i_page_say(
        page,
        "In %u of the %u piece~ of 2 MiB in which blocks are in use or on stacks, they take up less than a %dth: "
        "%u block~ of %b together keep pages of %b there.\n",
        pages->lone_pieces, pages->pieces, (uint64_t)HAK_LONE_PART, pages->lone_blocks, pages->lone_block_bytes,
        pages->lone_page_bytes);
}

void hak_i_account_say_classes(const struct hak_account *account, struct hak_page *page)
{
    say_table(account, page);
    say_lone_blocks(account, page);
}
