// SPDX-License-Identifier: MIT
// What glibc has beside the standard's malloc: trimming, tuning, and telling. docs/drop-in.md says what each field is.
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include <hakmem/hakmem.h>

#include "override/override.h"

/* The bytes to keep at the end of the heap mean nothing here: there is no such end. */
HAK_EXPORT int malloc_trim(size_t pad)
{
    (void)pad;
    return hak_purge(NULL) != 0;
}

/* What glibc's parameters tune is not there to be tuned; hakmem's own options are. */
HAK_EXPORT int mallopt(int parameter, int value)
{
    (void)parameter;
    (void)value;
    return 1;
}

HAK_EXPORT extern __typeof__(mallopt) __libc_mallopt HAK_ALIAS_OF(mallopt);

static struct hak_stats statistics(void)
{
    struct hak_stats stats = {.size = sizeof stats};
    (void)hak_stats_get(&stats);
    return stats;
}

#if defined(__GLIBC__)

static size_t free_bytes(const struct hak_stats *stats)
{
    return stats->cached_bytes + stats->partial_bytes + stats->remote_bytes + stats->clean_bytes + stats->dirty_bytes;
}

HAK_EXPORT struct mallinfo2 mallinfo2(void)
{
    struct hak_stats stats = statistics();
    return (struct mallinfo2){
        .arena = stats.committed_bytes - stats.large_bytes,
        .hblks = stats.large_blocks,
        .hblkhd = stats.large_bytes,
        .fsmblks = stats.cached_bytes,
        .uordblks = stats.committed_bytes - stats.large_bytes - free_bytes(&stats),
        .fordblks = free_bytes(&stats),
        .keepcost = stats.dirty_bytes,
    };
}

static int saturated(size_t bytes)
{
    return bytes > INT_MAX ? INT_MAX : (int)bytes;
}

HAK_EXPORT struct mallinfo __libc_mallinfo(void)
{
    struct mallinfo2 info = mallinfo2();
    return (struct mallinfo){
        .arena = saturated(info.arena),
        .hblks = saturated(info.hblks),
        .hblkhd = saturated(info.hblkhd),
        .fsmblks = saturated(info.fsmblks),
        .uordblks = saturated(info.uordblks),
        .fordblks = saturated(info.fordblks),
        .keepcost = saturated(info.keepcost),
    };
}

HAK_EXPORT struct mallinfo mallinfo(void)
{
    return __libc_mallinfo();
}

#endif

HAK_EXPORT void malloc_stats(void)
{
    struct hak_stats stats = statistics();
    fprintf(stderr, "hakmem %s\n", hak_version());
#define PRINT(field, unit, sentence)                                                                                   \
    fprintf(stderr, "%-20s %20llu %-5s  %s\n", #field, (unsigned long long)stats.field, unit, sentence);
    HAK_STATS(PRINT)
#undef PRINT
}

HAK_EXPORT int malloc_info(int options, FILE *stream)
{
    if (options != 0)
        return EINVAL;
    struct hak_stats stats = statistics();
    fprintf(stream, "<malloc version=\"hakmem-%s\">\n", hak_version());
#define PRINT(field, unit, sentence)                                                                                   \
    fprintf(stream, "<%s unit=\"%s\" value=\"%llu\"/>\n", #field, unit, (unsigned long long)stats.field);
    HAK_STATS(PRINT)
#undef PRINT
    fprintf(stream, "</malloc>\n");
    return 0;
}
