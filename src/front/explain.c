// SPDX-License-Identifier: MIT
// hak_explain(): gathers first, then writes, so no lock is held and what the writer does changes nothing in the page.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/option.h"
#include "front/account.h"
#include "front/page.h"

static void say_head(const struct hak_account *account, struct hak_page *page)
{
    hak_i_page_say(page, "hakmem in process %d (%s): ", (uint64_t)getpid(), program_invocation_short_name);
    if (!account->kernel.known)
        hak_i_page_say(page, "the kernel's count of the process's memory cannot be read (/proc/self/smaps), so this is "
                             "hakmem's own count alone.\n");
    else
        hak_i_page_say(page, "%b of the %b that are resident are hakmem's.\n", hak_i_account_own_bytes(account),
                       hak_i_account_own_bytes(account) + account->kernel.file_bytes + account->kernel.stack_bytes +
                           account->kernel.other_bytes);
}

/* ----------------------------------------------------------------------------------------- the kernel's count ---- */

static void say_kernel(const struct hak_account *account, struct hak_page *page)
{
    const struct hak_kernel_count *kernel = &account->kernel;
    if (!kernel->known)
        return;
    hak_i_page_say(page, "\nResident by the kernel's count (/proc/self/smaps):\n");
    hak_i_page_say(page, "  %10b  hakmem's blocks, free and in use\n", kernel->blocks_bytes);
    hak_i_page_say(page, "  %10b  hakmem's records\n", kernel->records_bytes);
    hak_i_page_say(page, "  %10b  mapped files: the program and its libraries\n", kernel->file_bytes);
    hak_i_page_say(page, "  %10b  the main thread's stack\n", kernel->stack_bytes);
    hak_i_page_say(page, "  %10b  other: stacks of threads, what the program mapped itself\n", kernel->other_bytes);
}

static void say_usage(const struct hak_account *account, struct hak_page *page)
{
    const struct hak_os_usage *usage = &account->usage;
    if (account->usage_known)
        hak_i_page_say(page,
                       "By smaps_rollup the process has %b resident, of which %b are its own and written, %b in huge "
                       "pages (%b of them hakmem's), and %b swapped out.\n",
                       (uint64_t)usage->resident_bytes, (uint64_t)usage->private_dirty_bytes,
                       (uint64_t)usage->huge_bytes, account->kernel.huge_bytes, (uint64_t)usage->swapped_bytes);
}

static void say_group(const struct hak_account *account, struct hak_page *page)
{
    uint64_t used_bytes = account->group.used_bytes, limit_bytes = account->group.limit_bytes;
    bool is_used = used_bytes != SIZE_MAX, is_limited = limit_bytes != SIZE_MAX;
    if (is_used && is_limited)
        hak_i_page_say(page, "Of the %b that its control group may use, it uses %b, with the cached files.\n",
                       limit_bytes, used_bytes);
    else if (is_used)
        hak_i_page_say(page, "Its control group, with the cached files, uses %b; it has no limit.\n", used_bytes);
    else if (is_limited)
        hak_i_page_say(page, "Its control group may use %b.\n", limit_bytes);
}

/* --------------------------------------------------------------------------------------------- hakmem's count ---- */

static uint64_t sum_of_parts(const struct hak_stats *stats)
{
    return stats->live_bytes + stats->slack_bytes + stats->cached_bytes + stats->partial_bytes + stats->remote_bytes +
           stats->clean_bytes + stats->dirty_bytes + stats->metadata_bytes;
}

static void say_parts(const struct hak_account *account, struct hak_page *page)
{
    const struct hak_stats *stats = &account->stats;
    hak_i_page_say(page, "\nCommitted by hakmem's count, in bytes:\n");
    hak_i_page_begin(page, 19);
    hak_i_page_say(page, "  %15u  live: the program's, ", stats->live_bytes);
    hak_i_page_say(page, "%u block~", stats->live_blocks);
    if (stats->large_blocks != 0)
        hak_i_page_say(page, ", %u of them large with %b", stats->large_blocks, stats->large_bytes);
    hak_i_page_say(page, "; about %b is round-up\n", stats->round_up_bytes);
    hak_i_page_say(page, "  %15u  slack: ends of slabs and of large blocks\n", stats->slack_bytes);
    hak_i_page_say(page, "  %15u  cached: free on the stacks of %u heap~, of which %u idle, or passed on\n",
                   stats->cached_bytes, stats->heaps, stats->idle_heaps);
    hak_i_page_say(page, "  %15u  partial: free or never used in slabs, %b of it in empty ones that heaps keep\n",
                   stats->partial_bytes, hak_i_account_empty_slab_bytes(account));
    hak_i_page_say(page, "  %15u  remote: freed by another thread, not collected yet\n", stats->remote_bytes);
    hak_i_page_say(page, "  %15u  clean: free, never written or given back\n", stats->clean_bytes);
    hak_i_page_say(page, "  %15u  dirty: free and still written\n", stats->dirty_bytes);
    hak_i_page_say(page, "  %15u  metadata: records and tables\n", stats->metadata_bytes);
    hak_i_page_say(page, "  %15u  committed", stats->committed_bytes);
    hak_i_page_say(page, sum_of_parts(stats) == stats->committed_bytes
                             ? ": all of these together\n"
                             : "; the parts differ, for threads were at work meanwhile\n");
    hak_i_page_begin(page, 0);
}

static void say_places(const struct hak_account *account, struct hak_page *page)
{
    const struct hak_page_count *pages = &account->pages;
    if (!pages->known)
        return;
    hak_i_page_say(page, "Of these, pages are there for %b of slabs, %b of empty slabs and %b of large blocks",
                   pages->slab_bytes, pages->empty_slab_bytes, pages->large_bytes);
    if (account->kernel.known)
        hak_i_page_say(page, ", and for %b of free spans", hak_i_account_free_span_bytes(account));
    hak_i_page_say(
        page,
        ".\nSo far %u page faults were saved by memory handed out again still written, and %b were given back "
        "to the system.\n",
        account->stats.page_faults_saved, account->stats.purged_bytes);
}

/* --------------------------------------------------------------------------------------------------- the page ---- */

static void say_page(const struct hak_account *account, struct hak_page *page)
{
    say_head(account, page);
    say_kernel(account, page);
    say_usage(account, page);
    say_group(account, page);
    if (!account->started) {
        hak_i_page_say(page, "\nhakmem has no memory, for nothing was asked of it yet.\n");
        return;
    }
    say_parts(account, page);
    say_places(account, page);
    hak_i_account_say_classes(account, page);
    hak_i_account_say_advice(account, page);
}

static void explain(hak_writer *writer, void *arg)
{
    int saved_errno = errno;
    struct hak_account account;
    struct hak_page page = {.write = writer, .arg = arg};
    hak_i_account_take(&account);
    say_page(&account, &page);
    errno = saved_errno;
}

void hak_explain(hak_writer *writer, void *arg)
{
    explain(writer, arg);
}

/* --------------------------------------------------------------------------------------------------- at exit ---- */

/* Processes that end together write whole pages, as far as that can be. */
struct gathered_text {
    size_t length;
    char text[8192];
};

static void gather(void *arg, const char *text, size_t length)
{
    struct gathered_text *gathered = (struct gathered_text *)arg;
    if (length > sizeof gathered->text - gathered->length) {
        hak_i_os_write_stderr(gathered->text, gathered->length);
        gathered->length = 0;
    }
    memcpy(gathered->text + gathered->length, text, length);
    gathered->length += length;
}

static bool is_asked_for(void)
{
    return hak_load_relaxed(&hak_i_base_options.explain) == HAK_EXPLAIN_EXIT;
}

void hak_i_front_prepare_page(void)
{
    if (is_asked_for())
        hak_i_os_keep_stderr();
}

void hak_i_front_explain_at_exit(void)
{
    if (!is_asked_for())
        return;
    if (hak_i_base_lock_is_mine(&hak_i_process.arena.lock)) /* a signal's handler ends the process in our midst */
        return;
    struct gathered_text gathered;
    gathered.length = 0;
    explain(gather, &gathered);
    hak_i_os_write_stderr(gathered.text, gathered.length);
}
