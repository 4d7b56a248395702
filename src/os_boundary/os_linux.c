// SPDX-License-Identifier: MIT
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "os_boundary/os_boundary.h"
#include "os_boundary/os_private.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* From linux/prctl.h, as new as Linux 5.17. */
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#define FUTEX_WAIT_PRIVATE 128 /* from linux/futex.h */

/* From linux/membarrier.h, which not every C library's headers come with. */
#define MEMBARRIER_PRIVATE_EXPEDITED (1 << 3)
#define MEMBARRIER_REGISTER_PRIVATE_EXPEDITED (1 << 4)

#define PRIVATE_ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static uint64_t calls[HAK_OS_CALL_KINDS];
static uint64_t failed_calls;
static bool names_refused; /* atomic */

static bool counted(enum hak_os_call kind, bool succeeded)
{
    hak_fetch_add_relaxed(&calls[kind], 1);
    if (!succeeded)
        hak_fetch_add_relaxed(&failed_calls, 1);
    return succeeded;
}

static void *map(enum hak_os_call kind, void *address, size_t bytes, int protection, int flags)
{
    int saved_errno = errno;
    void *mapped = mmap(address, bytes, protection, PRIVATE_ANONYMOUS | flags, -1, 0);
    bool succeeded = counted(kind, mapped != MAP_FAILED);
    errno = saved_errno;
    return succeeded ? mapped : NULL;
}

size_t hak_i_os_page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

size_t hak_i_os_physical_bytes(void)
{
    int saved_errno = errno;
    long pages = sysconf(_SC_PHYS_PAGES);
    errno = saved_errno;
    return pages > 0 ? (size_t)pages * hak_i_os_page_bytes() : HAK_GIB;
}

struct hak_os_group hak_i_os_group(void)
{
    int saved_errno = errno;
    struct hak_os_group group = hak_i_os_group_at("");
    errno = saved_errno;
    return group;
}

size_t hak_i_os_memory_limit_bytes(void)
{
    size_t limit_bytes = hak_i_os_group().limit_bytes;
    return limit_bytes != SIZE_MAX ? limit_bytes : hak_i_os_physical_bytes();
}

size_t hak_i_os_address_limit_bytes(void)
{
    struct rlimit limit;
    int saved_errno = errno;
    bool limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    errno = saved_errno;
    return limited ? (size_t)limit.rlim_cur : SIZE_MAX;
}

bool hak_i_os_is_privileged(void)
{
    return getauxval(AT_SECURE) != 0;
}

/* ------------------------------------------------------------------------------------------------ the loader ---- */

extern struct r_debug _r_debug __attribute__((weak)); /* glibc's list of what is loaded */

static bool is_in_loaders_image(uintptr_t address)
{
    uintptr_t base = &_r_debug != NULL ? _r_debug.r_ldbase : getauxval(AT_BASE);
    if (base == 0 || address < base)
        return false;
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)base;
    const ElfW(Phdr) *segments = (const ElfW(Phdr) *)(base + header->e_phoff);
    size_t page = hak_i_os_page_bytes(), image_bytes = 0;
    for (size_t i = 0; i < header->e_phnum; i++) {
        size_t end = segments[i].p_vaddr + segments[i].p_memsz;
        if (segments[i].p_type == PT_LOAD && end > image_bytes)
            image_bytes = end;
    }
    return address - base < ((image_bytes + page - 1) & ~(page - 1));
}

/* Records that the program's malloc gave come behind those from before it, and may be freed at any time. */
static bool is_beside_a_record(uintptr_t address, bool (*is_ours)(const void *address))
{
    if (&_r_debug == NULL)
        return false;
    size_t page = hak_i_os_page_bytes();
    for (const struct link_map *record = _r_debug.r_map; record != NULL && !is_ours(record); record = record->l_next)
        if (((uintptr_t)record ^ address) < page)
            return true;
    return false;
}

bool hak_i_os_is_loaders(const void *address, bool (*is_ours)(const void *address))
{
    return is_in_loaders_image((uintptr_t)address) || is_beside_a_record((uintptr_t)address, is_ours);
}

/* ------------------------------------------------------------------------------------------------------- time ---- */

uint64_t hak_i_os_now_ms(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool membarrier(int command)
{
    return syscall(SYS_membarrier, command, 0, 0) == 0;
}

bool hak_i_os_can_fence_threads(void)
{
    static enum {
        UNASKED,
        CAN,
        CANNOT
    } answer; /* atomic (relaxed): all who ask are told the same */
    if (hak_load_relaxed(&answer) == UNASKED) {
        int saved_errno = errno;
        hak_store_relaxed(&answer, membarrier(MEMBARRIER_REGISTER_PRIVATE_EXPEDITED) ? CAN : CANNOT);
        errno = saved_errno;
    }
    return hak_load_relaxed(&answer) == CAN;
}

bool hak_i_os_fence_threads(void)
{
    int saved_errno = errno;
    bool done = hak_i_os_can_fence_threads() && membarrier(MEMBARRIER_PRIVATE_EXPEDITED);
    errno = saved_errno;
    return done;
}

void *hak_i_os_reserve(size_t bytes)
{
    return map(HAK_OS_RESERVE, NULL, bytes, PROT_NONE, MAP_NORESERVE);
}

void *hak_i_os_reserve_table(size_t bytes)
{
    return map(HAK_OS_RESERVE, NULL, bytes, PROT_READ, 0);
}

void *hak_i_os_map(size_t bytes)
{
    return map(HAK_OS_COMMIT, NULL, bytes, PROT_READ | PROT_WRITE, 0);
}

enum hak_os_result hak_i_os_map_at(void *address, size_t bytes)
{
    int saved_errno = errno;
    void *mapped = mmap(address, bytes, PROT_READ | PROT_WRITE, PRIVATE_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    bool taken = mapped == MAP_FAILED && errno == EEXIST;
    errno = saved_errno;
    if (counted(HAK_OS_COMMIT, mapped == address)) {
        hak_i_os_name(address, bytes, HAK_OS_HEAP_NAME);
        return HAK_OS_DONE;
    }
    if (mapped == MAP_FAILED)
        return taken ? HAK_OS_TAKEN : HAK_OS_NO_MEMORY;
    hak_i_os_release(mapped, bytes); /* a kernel without MAP_FIXED_NOREPLACE took the address for a hint */
    return HAK_OS_TAKEN;
}

bool hak_i_os_commit(void *address, size_t bytes)
{
    int saved_errno = errno;
    bool done = counted(HAK_OS_COMMIT, mprotect(address, bytes, PROT_READ | PROT_WRITE) == 0);
    errno = saved_errno;
    return done;
}

bool hak_i_os_purge(void *address, size_t bytes)
{
    int saved_errno = errno;
    bool done = counted(HAK_OS_PURGE, madvise(address, bytes, MADV_DONTNEED) == 0);
    errno = saved_errno;
    return done;
}

bool hak_i_os_advise_huge(void *address, size_t bytes, bool huge)
{
    int saved_errno = errno;
    bool done = counted(HAK_OS_ADVISE, madvise(address, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) == 0);
    errno = saved_errno;
    return done;
}

void hak_i_os_name(void *address, size_t bytes, const char *name)
{
    if (hak_load_relaxed(&names_refused)) /* relaxed: it says nothing about other memory */
        return;
    int saved_errno = errno;
    hak_fetch_add_relaxed(&calls[HAK_OS_NAME], 1);
    if (prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, (unsigned long)address, bytes, (unsigned long)name) != 0 &&
        errno != ENOMEM)
        hak_store_relaxed(&names_refused, true);
    errno = saved_errno;
}

void hak_i_os_release(void *address, size_t bytes)
{
    int saved_errno = errno;
    counted(HAK_OS_RELEASE, munmap(address, bytes) == 0);
    errno = saved_errno;
}

/* No one else writes this there, and what is fresh reads as 0. */
static uint32_t mark_of(const void *address)
{
    return (uint32_t)((uintptr_t)address >> 12) | 1;
}

/* Whether the mark is there, where nothing may be mapped any more: the kernel compares, and says so. */
static bool is_marked(const void *address)
{
    const struct timespec at_once = {0};
    long result;
    do
        result = syscall(SYS_futex, address, FUTEX_WAIT_PRIVATE, mark_of(address), &at_once, NULL, 0);
    while (result != 0 && errno == EINTR);
    return result != 0 && errno == ETIMEDOUT;
}

enum hak_os_result hak_i_os_move(void *from, void *to, size_t bytes)
{
    int saved_errno = errno;
    *(volatile uint32_t *)to = mark_of(to);
    void *moved = mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to);
    bool untouched = moved == MAP_FAILED && is_marked(to);
    errno = saved_errno;
    if (counted(HAK_OS_REMAP, moved == to))
        return HAK_OS_DONE;
    if (untouched)
        return HAK_OS_NO_MEMORY;
    /* the kernel has unmapped `to` before it failed; if that is not free now, somebody else has mapped there */
    return hak_i_os_map_at(to, bytes) == HAK_OS_DONE ? HAK_OS_REMADE : HAK_OS_TAKEN;
}

uint64_t hak_i_os_calls(enum hak_os_call kind)
{
    return hak_load_relaxed(&calls[kind]);
}

uint64_t hak_i_os_failed_calls(void)
{
    return hak_load_relaxed(&failed_calls);
}

size_t hak_i_os_paged_bytes(void *address, size_t bytes)
{
    int saved_errno = errno;
    unsigned char is_paged[1024];
    size_t page = hak_i_os_page_bytes(), count = 0;
    for (size_t done = 0; done < bytes && count != SIZE_MAX;) {
        size_t pages = (bytes - done) / page < sizeof is_paged ? (bytes - done) / page : sizeof is_paged;
        bool told = mincore((char *)address + done, pages * page, is_paged) == 0;
        for (size_t i = 0; told && i < pages; i++)
            count += is_paged[i] & 1;
        done += pages * page;
        count = told ? count : SIZE_MAX;
    }
    errno = saved_errno;
    return count == SIZE_MAX ? SIZE_MAX : count * page;
}
