// SPDX-License-Identifier: MIT
// The statistics that hak_stats_get() fills in. HAK_STATS is the only list of them: the struct, the
// printed form and the page docs/statistics.md come from it. Entries: field, unit, sentence.
#ifndef HAKMEM_STATS_H
#define HAKMEM_STATS_H

#include <stddef.h>
#include <stdint.h>

/*
 * The first eight byte counts are disjoint and add up:
 *
 *   live + slack + cached + partial + remote + clean + dirty + metadata = committed
 *
 * exactly while no thread is inside hakmem; while threads run, each is read at a slightly different time.
 */
// clang-format off
#define HAK_STATS(X)                                                                                                   \
    X(live_bytes,             "bytes", "blocks the program holds, each at its class size")                             \
    X(slack_bytes,            "bytes", "ends of slabs too short for a block, ends of large blocks past their size")    \
    X(cached_bytes,           "bytes", "free blocks on the threads' stacks, or passed on by threads")                  \
    X(partial_bytes,          "bytes", "free or never used blocks in slabs, and empty slabs that heaps keep")          \
    X(remote_bytes,           "bytes", "blocks freed by another thread that their owner has not collected")            \
    X(clean_bytes,            "bytes", "free spans whose pages were never written or were given back")                 \
    X(dirty_bytes,            "bytes", "free spans and cached large blocks that still hold written pages")             \
    X(metadata_bytes,         "bytes", "hakmem's own records and tables")                                              \
    X(committed_bytes,        "bytes", "memory that may be read and written")                                          \
    X(reserved_bytes,         "bytes", "address space set aside, committed or not")                                    \
    X(large_bytes,            "bytes", "the part of live that is blocks larger than the pool's largest class")         \
    X(round_up_bytes,         "bytes", "the part of live that was not asked for, estimated from a sample of requests") \
    X(live_blocks,            "count", "blocks the program holds")                                                     \
    X(large_blocks,           "count", "the part of live_blocks that is counted in large_bytes")                       \
    X(slabs,                  "count", "slabs in use")                                                                 \
    X(heaps,                  "count", "thread heaps made so far")                                                     \
    X(idle_heaps,             "count", "thread heaps that no thread holds now")                                        \
    X(heap_claims,            "count", "times a thread took a heap")                                                   \
    X(refills,                "count", "times a stack was empty and was refilled")                                     \
    X(flushes,                "count", "times a stack was full and its oldest blocks went back to their slabs")        \
    X(remote_publications,    "count", "atomic operations that handed blocks back to slabs of other heaps")            \
    X(remote_frees,           "count", "blocks that those operations carried")                                         \
    X(handovers,              "count", "slabs taken over from heaps whose threads are gone or asleep")                 \
    X(large_cache_hits,       "count", "large blocks served by BigCache")                                              \
    X(large_cache_misses,     "count", "large blocks BigCache had nothing for")                                        \
    X(purged_bytes,           "bytes", "memory given back to the operating system so far")                             \
    X(repurchased_bytes,      "bytes", "memory needed again soon after it was given back")                             \
    X(page_faults_saved,      "count", "pages of free spans and BigCache that were handed out again still written")    \
    X(os_reserve_calls,       "count", "system calls that set address space aside")                                    \
    X(os_commit_calls,        "count", "system calls that made memory usable")                                         \
    X(os_purge_calls,         "count", "system calls that gave pages back and kept the addresses")                     \
    X(os_release_calls,       "count", "system calls that gave addresses back")                                        \
    X(os_remap_calls,         "count", "system calls that moved pages")                                                \
    X(os_advise_calls,        "count", "system calls that asked for or against huge pages")                            \
    X(os_failed_calls,        "count", "memory system calls that failed")                                              \
    X(huge_bytes,             "bytes", "the part of committed for which huge pages were asked")                        \
    X(charged_bytes,          "bytes", "what the kernel charges hakmem's memory with at most: what may be written")    \
    X(budget_soft_bytes,      "bytes", "the budget's soft limit, 0 if there is none")                                  \
    X(budget_hard_bytes,      "bytes", "the budget's hard limit, 0 if there is none")                                  \
    X(budget_soft_events,     "count", "times there was too little to give back for the soft limit")                   \
    X(budget_refusals,        "count", "calls that were refused for the hard limit")                                   \
    X(os_name_calls,          "count", "system calls that named memory; refused ones are no failures")                  \
    X(partial_dirty_bytes,    "bytes", "the part of partial that counts as free written memory: blocks of two pages and more")
// clang-format on

#define HAK_STATS_FIELD(field, unit, sentence) uint64_t field;
/**
 * One snapshot. Set `size` to sizeof(struct hak_stats) before the call; a library that knows fewer fields leaves the
 * rest 0.
 */
struct hak_stats {
    size_t size;
    HAK_STATS(HAK_STATS_FIELD)
};
#undef HAK_STATS_FIELD

#endif
