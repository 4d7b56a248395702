// SPDX-License-Identifier: MIT
/**
 * hakmem: a general-purpose memory allocator.
 *
 * Every function may be called from any thread at any time: before main, in constructors and destructors, in
 * thread-exit handlers, and in a forked child. None is async-signal-safe. A block may be freed by any thread.
 *
 * A block of size s is aligned to 16 bytes at least. Sizes above PTRDIFF_MAX and products that overflow are refused.
 * Where memory is refused the result is NULL (or as stated), errno is ENOMEM, and nothing else has changed.
 *
 * A pointer that is not a live block's start is named in one line on standard error that begins with "hakmem: ",
 * and the process is aborted (see hak_set_error_handler()).
 */
#ifndef HAKMEM_HAKMEM_H
#define HAKMEM_HAKMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hakmem/stats.h>

#define HAK_VERSION_MAJOR 0
#define HAK_VERSION_MINOR 1
#define HAK_VERSION_PATCH 0

#ifndef HAKMEM_API
#if defined(__GNUC__)
#define HAKMEM_API __attribute__((visibility("default")))
#else
#define HAKMEM_API
#endif
#endif

#if defined(__GNUC__)
#define HAK_ATTR(...) __attribute__((__VA_ARGS__))
#else
#define HAK_ATTR(...)
#endif
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11 && !defined(__cplusplus)
#define HAK_ATTR_FREED_BY(deallocator) __attribute__((malloc(deallocator, 1)))
#else
#define HAK_ATTR_FREED_BY(deallocator)
#endif
#if defined(__cplusplus)
#define HAK_NOEXCEPT noexcept
extern "C" {
#else
#define HAK_NOEXCEPT
#endif

/* --------------------------------------------------------------------------------------------------- freeing ---- */

/** Frees `block`, which any hak_ function above or below gave. NULL is allowed. Keeps errno. */
HAKMEM_API void hak_free(void *block) HAK_NOEXCEPT;

/** Frees `block`, which was asked for with `size` bytes and no alignment. A size of another class is reported. */
HAKMEM_API void hak_free_sized(void *block, size_t size) HAK_NOEXCEPT;

/** Frees `block`, which was asked for with `alignment` and `size`. Another class or alignment is reported. */
HAKMEM_API void hak_free_aligned_sized(void *block, size_t alignment, size_t size) HAK_NOEXCEPT;

/** Frees `count` blocks; NULL entries are skipped. The array is the caller's and is only read. */
HAKMEM_API void hak_free_batch(void *const *blocks, size_t count) HAK_NOEXCEPT;

/* ------------------------------------------------------------------------------------------------ allocating ---- */

/**
 * A block of at least `size` bytes with unknown content, owned by the caller until freed. Size 0 gives a unique block.
 */
HAKMEM_API void *hak_alloc(size_t size) HAK_NOEXCEPT HAK_ATTR(malloc, alloc_size(1), warn_unused_result)
    HAK_ATTR_FREED_BY(hak_free);

/** As hak_alloc(), and every byte of `size` is 0. */
HAKMEM_API void *hak_zalloc(size_t size) HAK_NOEXCEPT HAK_ATTR(malloc, alloc_size(1), warn_unused_result)
    HAK_ATTR_FREED_BY(hak_free);

/** As hak_zalloc(count * size); an overflowing product is refused. */
HAKMEM_API void *hak_calloc(size_t count, size_t size) HAK_NOEXCEPT
    HAK_ATTR(malloc, alloc_size(1, 2), warn_unused_result) HAK_ATTR_FREED_BY(hak_free);

/**
 * Changes the size of `block` and keeps the content up to the smaller of both sizes; the result may have moved, and
 * then `block` is freed. NULL acts as hak_alloc(size). Size 0 gives a smallest block. On failure `block` is untouched.
 */
HAKMEM_API void *hak_realloc(void *block, size_t size) HAK_NOEXCEPT HAK_ATTR(alloc_size(2), warn_unused_result);

/** As hak_realloc(block, count * size); an overflowing product is refused. */
HAKMEM_API void *hak_reallocarray(void *block, size_t count, size_t size) HAK_NOEXCEPT
    HAK_ATTR(alloc_size(2, 3), warn_unused_result);

/** A block aligned to `alignment`, any power of two, of any `size`. Another alignment: NULL and EINVAL. */
HAKMEM_API void *hak_aligned_alloc(size_t alignment, size_t size) HAK_NOEXCEPT
    HAK_ATTR(malloc, alloc_align(1), alloc_size(2), warn_unused_result) HAK_ATTR_FREED_BY(hak_free);

/**
 * As hak_aligned_alloc(), with the block in *out. Returns 0, or EINVAL (also for an alignment below sizeof(void *)), or
 * ENOMEM; then *out and errno are untouched.
 */
HAKMEM_API int hak_posix_memalign(void **out, size_t alignment, size_t size) HAK_NOEXCEPT
    HAK_ATTR(warn_unused_result, nonnull(1));

/** Fills `out` with up to `count` blocks of `size` bytes; returns how many. Fewer than asked sets ENOMEM. */
HAKMEM_API size_t hak_alloc_batch(size_t size, size_t count, void **out) HAK_NOEXCEPT HAK_ATTR(warn_unused_result);

/** A copy of the string `text`, to be freed with hak_free(). */
HAKMEM_API char *hak_strdup(const char *text) HAK_NOEXCEPT HAK_ATTR(malloc, warn_unused_result, nonnull(1))
    HAK_ATTR_FREED_BY(hak_free);

/** A copy of at most `length` bytes of `text`, always ended by a 0 byte, to be freed with hak_free(). */
HAKMEM_API char *hak_strndup(const char *text, size_t length) HAK_NOEXCEPT
    HAK_ATTR(malloc, warn_unused_result, nonnull(1)) HAK_ATTR_FREED_BY(hak_free);

/* ---------------------------------------------------------------------------------------------------- asking ---- */

/** The bytes of `block` that may be used: the asked size rounded up to its class. 0 for NULL. */
HAKMEM_API size_t hak_usable_size(const void *block) HAK_NOEXCEPT;

/** The usable size that hak_alloc(size) would give; 0 for a size that is always refused. */
HAKMEM_API size_t hak_good_size(size_t size) HAK_NOEXCEPT HAK_ATTR(const);

/** Whether `address` lies in a large block or in a slab that blocks are cut from. Reads no memory at `address`. */
HAKMEM_API bool hak_owns(const void *address) HAK_NOEXCEPT;

/** "0.1.0". */
HAKMEM_API const char *hak_version(void) HAK_NOEXCEPT HAK_ATTR(const);

/* ----------------------------------------------------------------------------------------------- giving back ---- */

/** What one hak_purge() did. Set `size` to sizeof(struct hak_purge_report) before the call. */
struct hak_purge_report {
    size_t size;
    uint64_t returned_bytes;     /**< given back to the operating system by this call */
    uint64_t other_heaps_bytes;  /**< free, out of reach: on stacks of heaps that threads hold, or pending for them */
    uint64_t partial_slab_bytes; /**< free in slabs that hold live blocks, whole pages of which went back where this
                                      thread reaches them */
    uint64_t pending_bytes;      /**< the pending part of other_heaps_bytes: not sent yet by who freed them, or for
                                      threads that were at slow work */
};

/**
 * Gives back to the operating system all that this thread can reach: its own stacks, empty slabs and the free pages in
 * others, and those of idle heaps; the same of other threads' heaps but for their stacks; BigCache, and every free
 * span. Left out are heaps whose threads are at slow work at that moment, or that another thread is at in this way;
 * other threads may wait with such work until this one has been at all heaps. Returns the bytes given back.
 * `report_or_null` may be NULL.
 */
HAKMEM_API size_t hak_purge(struct hak_purge_report *report_or_null) HAK_NOEXCEPT;

/* ---------------------------------------------------------------------------------------------------- budget ---- */

/** Which limit of the budget is passed. */
enum hak_budget_level {
    HAK_BUDGET_SOFT = 1, /**< memory was handed out past the soft limit */
    HAK_BUDGET_HARD      /**< a call will be refused unless the callback frees enough */
};

struct hak_budget_event {
    size_t size; /**< sizeof(struct hak_budget_event) as the library knows it */
    enum hak_budget_level level;
    uint64_t charged_bytes; /**< as in struct hak_stats */
    uint64_t soft_bytes;    /**< SIZE_MAX if there is none */
    uint64_t hard_bytes;    /**< SIZE_MAX if there is none */
};

/**
 * Called when more than the budget's soft limit is charged and hakmem has nothing left to give back: on the thread that
 * asked for memory, without a lock held. It may call any hak_ function, hak_budget_set() too, and has to return. It is
 * not called again while it runs, on no thread; and at most ten times a second for each level, as long as it does not
 * bring the charge a good part below the limit.
 */
typedef void hak_budget_callback(const struct hak_budget_event *event, void *arg);

/**
 * Limits the memory that the kernel can charge hakmem with. Past `soft_bytes` hakmem gives back free memory, then calls
 * `callback_or_null` with `arg`; past `hard_bytes` memory is refused: NULL and ENOMEM. Memory that was handed out
 * counts as written. `soft_bytes` 0 is 90 % of hard; SIZE_MAX is no limit, and two zeros remove the budget. The limits
 * may be below what is charged now. Replaces the budget set before, also by the option `budget`; a call of an earlier
 * callback may be under way on another thread when this returns. Returns 0, EINVAL (soft is over hard), or ENOMEM.
 */
HAKMEM_API int hak_budget_set(size_t soft_bytes, size_t hard_bytes, hak_budget_callback *callback_or_null,
                              void *arg) HAK_NOEXCEPT;

/* ------------------------------------------------------------------------------------ options and statistics ---- */

/**
 * Sets the option `name` (lower case, without "HAKMEM_": "dirty_min"), from docs/options.md, to `value` as it would
 * stand in the environment. Returns 0, ENOENT (no such option), EINVAL (bad value), or EPERM (fixed since the first
 * allocation).
 */
HAKMEM_API int hak_option_set(const char *name, const char *value) HAK_NOEXCEPT HAK_ATTR(nonnull(1, 2));

/**
 * Writes the option's value, ended by a 0 byte, to `buffer`. Returns 0, ENOENT, or EINVAL (`size` bytes are too few).
 */
HAKMEM_API int hak_option_get(const char *name, char *buffer, size_t size) HAK_NOEXCEPT HAK_ATTR(nonnull(1, 2));

/** Fills in `snapshot`, whose `size` the caller has set. Returns 0, or EINVAL. Walks every slab: not for a hot loop. */
HAKMEM_API int hak_stats_get(struct hak_stats *snapshot) HAK_NOEXCEPT HAK_ATTR(nonnull(1));

/** Takes `length` bytes of text, whole lines; valid during the call. */
typedef void hak_writer(void *arg, const char *text, size_t length);

/**
 * Writes a page of plain sentences: where the process's resident memory is, which size classes and which few blocks
 * keep pages, and which option would help by how much; docs/explain.md shows one. Calls `writer` with `arg` and a line
 * at a time, without a lock held; it may call hak_ functions. Takes no memory but 32 KiB of the stack. Walks every slab
 * and asks the kernel for its count.
 */
HAKMEM_API void hak_explain(hak_writer *writer, void *arg) HAK_NOEXCEPT HAK_ATTR(nonnull(1));

/* ---------------------------------------------------------------------------------------------------- misuse ---- */

/** What a program did wrong; the name is the text of the report. */
enum hak_error_kind {
    HAK_ERROR_DOUBLE_FREE = 1,  /**< "double free" */
    HAK_ERROR_INTERIOR_POINTER, /**< "interior pointer" */
    HAK_ERROR_FOREIGN_POINTER,  /**< "foreign pointer": never hakmem's memory */
    HAK_ERROR_NEVER_ALLOCATED,  /**< "never allocated": hakmem's memory, never handed out as this block */
    HAK_ERROR_WRONG_SIZE_CLASS, /**< "wrong size class" */
    HAK_ERROR_WRONG_ALIGNMENT   /**< "wrong alignment" */
};

struct hak_error {
    size_t size; /**< sizeof(struct hak_error) as the library knows it */
    enum hak_error_kind kind;
    const void *address;  /**< what the program passed */
    size_t block_size;    /**< class or block size in bytes, 0 if there is none */
    uint32_t owner;       /**< number of the owning heap, 0 if there is none */
    const char *function; /**< where it was found, for example "hak_free" (also of a batch) or "exit" */
    const char *message;  /**< the line that would be written, without "hakmem: " and newline; valid during the call */
};

/**
 * Called instead of report and abort, on the thread that made the call, without a lock held; may call hak_ functions.
 */
typedef void hak_error_handler(const struct hak_error *error, void *arg);

/**
 * Sets the handler for misuse, for all threads; NULL restores report and abort. If the handler returns, the block is
 * leaked and the call does nothing (hak_realloc() gives NULL, hak_usable_size() 0).
 */
HAKMEM_API void hak_set_error_handler(hak_error_handler *handler, void *arg) HAK_NOEXCEPT;

#if defined(__cplusplus)
}
#endif

#endif
