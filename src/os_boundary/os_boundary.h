// SPDX-License-Identifier: MIT
// The only place that asks the operating system for memory. Every call keeps errno, is counted by kind, and may fail;
// a failed call has changed nothing. Addresses and sizes are multiples of the page. Tests link a fake in its place.
#ifndef HAK_OS_BOUNDARY_H
#define HAK_OS_BOUNDARY_H

#include "base/attributes.h"

HAK_EXTERN_C_BEGIN

enum hak_os_call {
    HAK_OS_RESERVE,
    HAK_OS_COMMIT,
    HAK_OS_PURGE,
    HAK_OS_RELEASE,
    HAK_OS_REMAP,
    HAK_OS_ADVISE,
    HAK_OS_NAME,
    HAK_OS_CALL_KINDS
};

enum hak_os_result {
    HAK_OS_DONE,
    HAK_OS_NO_MEMORY,
    HAK_OS_TAKEN,
    HAK_OS_REMADE
};

size_t hak_i_os_page_bytes(void);
size_t hak_i_os_physical_bytes(void);

/* What the process's control groups leave it of the physical memory: all, where they set no limit. */
size_t hak_i_os_memory_limit_bytes(void);

/* RLIMIT_AS, or SIZE_MAX where there is none. */
size_t hak_i_os_address_limit_bytes(void);

/* Whether the process has more rights than who started it, who then must not steer it by the environment. */
bool hak_i_os_is_privileged(void);

/*
 * Whether `address` is the loader's: in its image, or beside a record of a library that it loaded. The loader allocates
 * before it has bound malloc. `is_ours` tells what was allocated here.
 */
bool hak_i_os_is_loaders(const void *address, bool (*is_ours)(const void *address));

/* A clock that only runs forward; cheap and coarse. */
uint64_t hak_i_os_now_ms(void);

/*
 * Whether the system has the barrier below. The first call asks it, which takes milliseconds once there are threads;
 * the answer stays.
 */
bool hak_i_os_can_fence_threads(void);

/*
 * A memory barrier on every processor that runs a thread of this process: what each did before is visible here after,
 * and what was done here before is visible there after. False: the system cannot.
 */
bool hak_i_os_fence_threads(void);

/* Address space without access and without charge; NULL when there is none. */
void *hak_i_os_reserve(size_t bytes);

/* Address space that reads as 0 and is not charged until committed piecewise; NULL when there is none. */
void *hak_i_os_reserve_table(size_t bytes);

/* Fresh memory that reads as 0. */
void *hak_i_os_map(size_t bytes);

/* Fresh heap memory exactly at `address`, where nothing was reserved; never over another mapping. */
enum hak_os_result hak_i_os_map_at(void *address, size_t bytes);

/* Makes reserved memory readable and writable. */
bool hak_i_os_commit(void *address, size_t bytes);

/* Gives the pages back and keeps the addresses; what is read next is 0. */
bool hak_i_os_purge(void *address, size_t bytes);

/* Asks for huge pages in this memory, reserved or committed, or for none. */
bool hak_i_os_advise_huge(void *address, size_t bytes, bool huge);

/* What the kernel shows as in use for what, in /proc/self/maps and elsewhere. */
#define HAK_OS_HEAP_NAME "hakmem heap"
#define HAK_OS_METADATA_NAME "hakmem metadata"

/*
 * Names mappings of ours, reserved or committed; what is committed or given back later keeps the name. Not every kernel
 * can: a refusal is no failure, and the first one the last call.
 */
void hak_i_os_name(void *address, size_t bytes, const char *name);

/* Gives the addresses back. */
void hak_i_os_release(void *address, size_t bytes);

/*
 * Moves the pages at `from` to `to`, both committed; `from` stays committed and reads as 0. HAK_OS_NO_MEMORY: nothing
 * moved, the content of `to` is undefined. HAK_OS_REMADE: so it is, and no advice holds for `to` any more.
 * HAK_OS_TAKEN: nothing moved, and `to` must not be used any more.
 */
enum hak_os_result hak_i_os_move(void *from, void *to, size_t bytes);

uint64_t hak_i_os_calls(enum hak_os_call kind);
uint64_t hak_i_os_failed_calls(void);

/* ------------------------------------------------------------------------------------ what the kernel counts ---- */

struct hak_os_usage {
    size_t resident_bytes;
    size_t private_dirty_bytes;
    size_t huge_bytes; /* the resident memory of no file that is in huge pages */
    size_t swapped_bytes;
};

enum hak_os_mapped {
    HAK_OS_MAPPED_FILE,
    HAK_OS_MAPPED_STACK, /* the main thread's; those of others look like any memory */
    HAK_OS_MAPPED_OTHER
};

struct hak_os_mapping {
    uintptr_t start;
    uintptr_t end;
    enum hak_os_mapped kind;
    struct hak_os_usage usage;
};

/* The whole process; false: the kernel does not say. */
bool hak_i_os_usage(struct hak_os_usage *usage);

/* Each mapping of the process in address order; false: the kernel does not say, or not all. Takes no lock. */
bool hak_i_os_each_mapping(void (*visit)(void *arg, const struct hak_os_mapping *mapping), void *arg);

/*
 * How much of mapped memory has a page; SIZE_MAX: unknown. Counts also pages that were read and never written, which
 * are not resident by the other counts.
 */
size_t hak_i_os_paged_bytes(void *address, size_t bytes);

/*
 * The same, out of a file, which sandboxes forbid less often than the call that tells it; one that forbids opening
 * files makes it unknown. For 512 pages at most.
 */
size_t hak_i_os_pagemap_bytes(const void *address, size_t bytes);

/* Of a control group, all its processes and their cached files together. */
struct hak_os_group {
    size_t used_bytes;  /* SIZE_MAX: unknown */
    size_t limit_bytes; /* SIZE_MAX: none below the physical memory */
};

/* The one of the process's groups, from its own up to the top that is seen, whose limit is the least; its own, if none
   has one. */
struct hak_os_group hak_i_os_group(void);

/* ------------------------------------------------------------------------------------------- standard error ---- */

/*
 * Remembers what standard error is when it is called first, for the process may close it before its end. No lock is
 * held: what opens a file may be somebody's who allocates.
 */
void hak_i_os_keep_stderr(void);

/* Writes to what was remembered, else to standard error; to nothing when neither is there any more. */
void hak_i_os_write_stderr(const char *text, size_t length);

HAK_EXTERN_C_END

#endif
