// SPDX-License-Identifier: MIT
// What would make it less, and by how much; what would change too little is not mentioned.
#include "base/atomic.h"
#include "base/option.h"
#include "front/account.h"
#include "front/page.h"

struct advice {
    const struct hak_account *account;
    struct hak_page *page;
    uint64_t worth_bytes;
    unsigned sentences;
};

static uint64_t above(uint64_t bytes, uint64_t limit)
{
    return bytes > limit ? bytes - limit : 0;
}

/* Begins a sentence about so many bytes; false: too few. */
static bool begin(struct advice *advice, uint64_t bytes)
{
    if (bytes < advice->worth_bytes || (int64_t)bytes <= 0)
        return false;
    if (advice->sentences++ == 0)
        hak_i_page_say(advice->page, "\nWhat would make it less:\n");
    hak_i_page_say(advice->page, "- ");
    return true;
}

/* ---------------------------------------------------------------------------------------- free written memory ---- */

/* The bound on free written memory, as the arena has it, without its credit. */
struct bound {
    uint64_t free_bytes;  /* spans and slabs */
    uint64_t kept_bytes;  /* with the slabs that stacks of idle heaps hold blocks of, which the bound counts */
    uint64_t least_bytes; /* dirty_min */
    uint64_t share_bytes; /* dirty_percent */
    uint64_t there_bytes; /* of free_bytes, what has pages; all where it is not known */
    int64_t percent;
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Empty slabs are kept whole, though perhaps only their start was ever written. */
static uint64_t there_bytes(const struct hak_account *account)
{
    const struct hak_page_count *pages = &account->pages;
    if (!pages->known || !account->kernel.known)
        return UINT64_MAX;
    return smaller(hak_i_account_free_span_bytes(account), account->stats.dirty_bytes) + pages->empty_slab_bytes +
           pages->kept_slab_bytes;
}

static struct bound bound_of(const struct hak_account *account)
{
    const struct hak_stats *stats = &account->stats;
    struct bound bound = {.free_bytes = stats->dirty_bytes + hak_i_account_empty_slab_bytes(account),
                          .kept_bytes = stats->dirty_bytes + account->retained_bytes,
                          .least_bytes = (uint64_t)hak_load_relaxed(&hak_i_base_options.dirty_min),
                          .percent = hak_load_relaxed(&hak_i_base_options.dirty_percent)};
    uint64_t in_use = above(stats->committed_bytes, stats->metadata_bytes + stats->clean_bytes + bound.kept_bytes);
    bound.there_bytes = smaller(bound.free_bytes, there_bytes(account));
    bound.share_bytes = in_use / 100 * (uint64_t)(bound.percent > 0 ? bound.percent : 0);
    return bound;
}

/* What an option would give back if it allowed only so much. */
static uint64_t gain_of(const struct bound *bound, uint64_t allowed_bytes)
{
    return smaller(above(bound->kept_bytes, allowed_bytes), bound->there_bytes);
}

static void say_options_of_bound(struct hak_page *page, const struct bound *bound, uint64_t worth_bytes)
{
    uint64_t allowed = bound->least_bytes > bound->share_bytes ? bound->least_bytes : bound->share_bytes;
    uint64_t by_credit = bound->percent < 0 ? 0 : gain_of(bound, allowed);
    uint64_t by_percent = gain_of(bound, bound->least_bytes);
    uint64_t by_least = bound->percent < 0 ? 0 : gain_of(bound, bound->share_bytes);
    if (by_credit >= worth_bytes)
        hak_i_page_say(page,
                       "HAKMEM_REUSE_MAX=0 would give back up to %b, kept because memory given back was soon needed "
                       "again. ",
                       by_credit);
    if (by_percent >= worth_bytes && by_percent > by_credit)
        hak_i_page_say(page, "HAKMEM_DIRTY_PERCENT=0 would give back up to %b. ", by_percent);
    if (by_least >= worth_bytes && by_least > by_credit)
        hak_i_page_say(page, "HAKMEM_DIRTY_MIN=0 would give back up to %b. ", by_least);
}

static uint64_t put_away_bytes(const struct hak_account *account)
{
    return above(account->retained_bytes, hak_i_account_empty_slab_bytes(account));
}

static void advise_on_dirty(struct advice *advice)
{
    const struct hak_account *account = advice->account;
    struct bound bound = bound_of(account);
    if (!begin(advice, bound.there_bytes))
        return;
    hak_i_page_say(advice->page,
                   "%b of free memory, with pages for %b, are kept to be used again without a page fault: %b in free "
                   "spans and BigCache, %b in empty slabs. ",
                   bound.free_bytes, bound.there_bytes, account->stats.dirty_bytes,
                   hak_i_account_empty_slab_bytes(account));
    if (put_away_bytes(account) != 0)
        hak_i_page_say(advice->page, "The same bound counts %b of slabs that idle stacks hold blocks of. ",
                       put_away_bytes(account));
    say_options_of_bound(advice->page, &bound, advice->worth_bytes);
    hak_i_page_say(advice->page,
                   "HAKMEM_DIRTY_MIN=0 and HAKMEM_DIRTY_PERCENT=0 together keep none; hak_purge() gives all of it back "
                   "once.\n");
}

/* ---------------------------------------------------------------------------------------------- small blocks ---- */

static uint64_t free_in_slabs(const struct hak_account *account, unsigned class_index)
{
    const struct hak_class_count *count = &account->census.classes[class_index];
    return (count->free_blocks - count->kept_blocks) * hak_i_slab_classes[class_index].block_bytes;
}

static void advise_on_part_used_slabs(struct advice *advice)
{
    const struct hak_account *account = advice->account;
    uint64_t total = 0;
    unsigned worst = 0;
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        total += free_in_slabs(account, i);
        if (free_in_slabs(account, i) > free_in_slabs(account, worst))
            worst = i;
    }
    if (!begin(advice, total))
        return;
    const struct hak_class_count *count = &account->census.classes[worst];
    hak_i_page_say(
        advice->page,
        "%b are free in slabs that other blocks keep, most of it in the class of %u bytes: %u live block~ in %u slab~ "
        "keep %b there, %b of it free. No option gives that back: a slab goes back with its last block.\n",
        total, (uint64_t)hak_i_slab_classes[worst].block_bytes, count->live_blocks, count->slabs,
        count->slabs * hak_i_slab_classes[worst].slab_bytes, free_in_slabs(account, worst));
}

static void advise_on_stacks(struct advice *advice)
{
    const struct hak_stats *stats = &advice->account->stats;
    if (!begin(advice, stats->cached_bytes))
        return;
    hak_i_page_say(
        advice->page,
        "%b are free on the stacks of %u thread~ and %u idle heap~. Each thread gives its own back when it calls "
        "hak_purge(), and most of it when it ends; hak_purge() takes what lies at idle heaps, too.",
        stats->cached_bytes, stats->heaps - stats->idle_heaps, stats->idle_heaps);
    if (hak_load_relaxed(&hak_i_base_options.pool_prewarm) != HAK_PREWARM_OFF)
        hak_i_page_say(advice->page, " HAKMEM_POOL_PREWARM=off would put less there at first.");
    hak_i_page_say(advice->page, "\n");
}

static void advise_on_remote(struct advice *advice)
{
    const struct hak_stats *stats = &advice->account->stats;
    if (begin(advice, stats->remote_bytes))
        hak_i_page_say(advice->page,
                       "%b were freed by other threads and wait for the heaps that own them. A thread collects its "
                       "own when it next needs memory, and who freed them takes what waits for a thread that sleeps; "
                       "hak_purge() collects what has arrived, and gives back what is free as a whole then.\n",
                       stats->remote_bytes);
}

static uint64_t round_up_of(const struct hak_account *account, unsigned class_index)
{
    const struct hak_class_count *count = &account->census.classes[class_index];
    return hak_i_front_round_up_bytes(&count->sample, count->live_blocks * hak_i_slab_classes[class_index].block_bytes);
}

static void advise_on_round_up(struct advice *advice)
{
    const struct hak_account *account = advice->account;
    uint64_t total = account->stats.round_up_bytes;
    unsigned worst = 0;
    if (!begin(advice, total))
        return;
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++)
        if (round_up_of(account, i) > round_up_of(account, worst))
            worst = i;
    const struct hak_heap_sample *sample = &account->census.classes[worst].sample;
    uint64_t block_bytes = hak_i_slab_classes[worst].block_bytes;
    hak_i_page_say(advice->page, "About %b of live was not asked for, by a sample of requests", total);
    if (round_up_of(account, worst) > total / 2)
        hak_i_page_say(advice->page, ", most of it in the class of %u bytes, of which requests ask for %u on average",
                       block_bytes, block_bytes * sample->asked_bytes / sample->given_bytes);
    hak_i_page_say(advice->page, ". Sizes that hak_good_size() gives would leave none.\n");
}

/* ------------------------------------------------------------------------------------------------ the others ---- */

/* What has pages and was never used: huge pages are there as a whole. */
static uint64_t unused_bytes_there(const struct hak_account *account)
{
    uint64_t bytes = above(hak_i_account_free_span_bytes(account), account->stats.dirty_bytes);
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        const struct hak_class *of = &hak_i_slab_classes[i];
        const struct hak_class_count *count = &account->census.classes[i];
        uint64_t used_blocks = count->slabs * of->block_count - count->unused_blocks;
        bytes += above(account->pages.class_bytes[i], used_blocks * of->block_bytes);
    }
    return smaller(bytes, account->kernel.huge_bytes);
}

static void advise_on_huge_pages(struct advice *advice)
{
    const struct hak_account *account = advice->account;
    uint64_t unused_bytes = unused_bytes_there(account);
    if (begin(advice, unused_bytes))
        hak_i_page_say(advice->page,
                       "%b of hakmem's memory are in huge pages, which are there as a whole: HAKMEM_THP=never would do "
                       "without up to %b that was never used.\n",
                       account->kernel.huge_bytes, unused_bytes);
}

static void advise_on_others(struct advice *advice)
{
    const struct hak_kernel_count *kernel = &advice->account->kernel;
    uint64_t others = kernel->file_bytes + kernel->stack_bytes + kernel->other_bytes;
    if (kernel->known && others > hak_i_account_own_bytes(advice->account) && begin(advice, others))
        hak_i_page_say(advice->page, "%b of the resident memory are not hakmem's, and no option of it changes them.\n",
                       others);
}

void hak_i_account_say_advice(const struct hak_account *account, struct hak_page *page)
{
    struct advice advice = {.account = account, .page = page, .worth_bytes = hak_i_account_worth_bytes(account)};
    hak_i_page_begin(page, 2);
    advise_on_dirty(&advice);
    advise_on_part_used_slabs(&advice);
    advise_on_stacks(&advice);
    advise_on_remote(&advice);
    advise_on_round_up(&advice);
    advise_on_huge_pages(&advice);
    advise_on_others(&advice);
    if (advice.sentences == 0)
        hak_i_page_say(page, "\nNothing would make it less by %b or more.\n", advice.worth_bytes);
    hak_i_page_begin(page, 0);
}
