// SPDX-License-Identifier: MIT
/**
 * hakmem, inlined: the hits of hak_alloc(), hak_free() and hak_free_sized() in the program's own code. For a size that
 * the compiler knows it computes the class, too. Whatever is no hit, and every other size, calls. Results, checks and
 * reports are those of the functions called.
 *
 * What is inlined knows the library's data. Each file that includes this header therefore has its layout compared with
 * the loaded library's when it is loaded, before main; where they differ the process is ended with one line on standard
 * error. A library from before this header lacks names that it needs, and the loader says so.
 *
 * With HAK_NO_INLINE defined before it is included, everything here calls and nothing is compared. So it does with
 * compilers other than gcc and clang, without optimisation where a size has to be known, and under ThreadSanitizer and
 * MemorySanitizer, which would have to see the library's half as well.
 */
#ifndef HAKMEM_INLINE_H
#define HAKMEM_INLINE_H

#include <hakmem/hakmem.h>

#if defined(__has_feature)
#define HAK_INLINE_HAS_FEATURE(name) __has_feature(name)
#else
#define HAK_INLINE_HAS_FEATURE(name) 0
#endif
#if defined(HAK_NO_INLINE) || !defined(__GNUC__) || !defined(__linux__) || !defined(__LP64__) ||                       \
    defined(__SANITIZE_THREAD__) || HAK_INLINE_HAS_FEATURE(thread_sanitizer) ||                                        \
    HAK_INLINE_HAS_FEATURE(memory_sanitizer)
#define HAK_INLINE_CALLS 1
#else
#define HAK_INLINE_CALLS 0
#endif

#if defined(__cplusplus)
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------------------- layout ---- */

/** Another number whenever anything in this section changes its meaning. */
#define HAK_INLINE_LAYOUT 1

/** Sizes up to here have a class. */
#define HAK_INLINE_BYTES_MAX 262144

#define HAK_INLINE_UNIT_SHIFT 14
#define HAK_INLINE_BIN_BYTES 32

/** A size's class, a constant where the size is one: steps of 16 bytes to 256, then four per doubling. */
#define HAK_INLINE_CLASS(size)                                                                                         \
    ((size) <= 16    ? 0                                                                                               \
     : (size) <= 256 ? ((size)-1) / 16                                                                                 \
                     : 4 * (HAK_INLINE_LOG2((size)-1) - 4) + HAK_INLINE_QUARTER(size))
#define HAK_INLINE_QUARTER(size) (((size)-1) >> (HAK_INLINE_LOG2((size)-1) - 2) & 3)
#define HAK_INLINE_LOG2(number) (63 - (size_t)__builtin_clzll(number))

#define HAK_INLINE_CLASS_COUNT 56

/** The stack of a class. Below its first entry lie two that are NULL. */
struct hak_inline_bin {
    uint64_t start_mask; /**< (address & start_mask) * inverse < inverse: a block starts there */
    uint64_t inverse;
    void **top; /**< the first empty entry; atomic (relaxed) */
    void **full;
} HAK_ATTR(may_alias);

/** What a thread has at hand. Before its first allocation and after its end: nothing, and no room. */
struct hak_inline_heap {
    uintptr_t base;
    size_t units;
    uint32_t *ids; /**< of each unit: its heap and class, the class as the distance of its bin; atomic (relaxed) */
    uint32_t id;
    uint32_t unused;
    struct hak_inline_bin bins[HAK_INLINE_CLASS_COUNT];
} HAK_ATTR(may_alias);

/** Ends the process if `layout` is not the library's. Called for each file that includes this header. */
HAKMEM_API void hak_inline_check(unsigned layout) HAK_NOEXCEPT;

#if !HAK_INLINE_CALLS

/** The calling thread's. */
#define HAK_INLINE_TLS __thread HAK_ATTR(tls_model("initial-exec"))
HAKMEM_API extern HAK_INLINE_TLS struct hak_inline_heap *hak_inline_self;

HAK_ATTR(constructor(101)) static void hak_inline_check_this_file(void)
{
    hak_inline_check(HAK_INLINE_LAYOUT);
}

/* --------------------------------------------------------------------------------------------------- allocating ----
 */

/** As hak_alloc(). */
HAK_ATTR(always_inline, warn_unused_result)
static inline void *hak_alloc_inline(size_t size) HAK_NOEXCEPT
{
    if (!__builtin_constant_p(size) || size > HAK_INLINE_BYTES_MAX)
        return hak_alloc(size);
    struct hak_inline_bin *bin = &hak_inline_self->bins[HAK_INLINE_CLASS(size)];
    void **newest = __atomic_load_n(&bin->top, __ATOMIC_RELAXED) - 1;
    void *block = *newest;
    if (__builtin_expect(block == NULL, 0))
        return hak_alloc(size);
    __atomic_store_n(&bin->top, newest, __ATOMIC_RELAXED);
    return block;
}

/* ----------------------------------------------------------------------------------------------------- freeing ---- */

/** The ID of the unit in which `block` lies, less the heap's own: for a block of this heap, the distance of its bin. */
HAK_ATTR(always_inline)
static inline size_t hak_inline_distance(const struct hak_inline_heap *heap, const void *block)
{
    size_t unit = ((uintptr_t)block - heap->base) >> HAK_INLINE_UNIT_SHIFT;
    if (__builtin_expect(unit >= heap->units, 0))
        return SIZE_MAX;
    return __atomic_load_n(&heap->ids[unit], __ATOMIC_RELAXED) ^ heap->id;
}

/** False: not the start of a block, freed a moment ago, or no room; then nothing has changed. */
HAK_ATTR(always_inline)
static inline bool hak_inline_push(struct hak_inline_bin *bin, void *block)
{
    if (__builtin_expect(((uintptr_t)block & bin->start_mask) * bin->inverse >= bin->inverse, 0))
        return false;
    void **top = __atomic_load_n(&bin->top, __ATOMIC_RELAXED);
    if (__builtin_expect(top[-1] == block, 0) || __builtin_expect(top[-2] == block, 0) ||
        __builtin_expect(top == bin->full, 0))
        return false;
    *top = block;
    __atomic_store_n(&bin->top, top + 1, __ATOMIC_RELAXED);
    return true;
}

/** The bin at that distance. */
HAK_ATTR(always_inline)
static inline struct hak_inline_bin *hak_inline_bin_at(struct hak_inline_heap *heap, size_t distance)
{
    return (struct hak_inline_bin *)(void *)((char *)heap->bins + distance);
}

/** As hak_free(). */
HAK_ATTR(always_inline)
static inline void hak_free_inline(void *block) HAK_NOEXCEPT
{
    struct hak_inline_heap *heap = hak_inline_self;
    size_t distance = hak_inline_distance(heap, block);
    if (__builtin_expect(distance >= HAK_INLINE_CLASS_COUNT * HAK_INLINE_BIN_BYTES, 0) ||
        __builtin_expect(!hak_inline_push(hak_inline_bin_at(heap, distance), block), 0))
        hak_free(block);
}

/** As hak_free_sized(). */
HAK_ATTR(always_inline)
static inline void hak_free_sized_inline(void *block, size_t size) HAK_NOEXCEPT
{
    if (!__builtin_constant_p(size) || size > HAK_INLINE_BYTES_MAX) {
        hak_free_sized(block, size);
        return;
    }
    struct hak_inline_heap *heap = hak_inline_self;
    size_t distance = HAK_INLINE_CLASS(size) * HAK_INLINE_BIN_BYTES;
    if (__builtin_expect(hak_inline_distance(heap, block) != distance, 0) ||
        __builtin_expect(!hak_inline_push(hak_inline_bin_at(heap, distance), block), 0))
        hak_free_sized(block, size);
}

#else

static inline void *hak_alloc_inline(size_t size) HAK_NOEXCEPT
{
    return hak_alloc(size);
}

static inline void hak_free_inline(void *block) HAK_NOEXCEPT
{
    hak_free(block);
}

static inline void hak_free_sized_inline(void *block, size_t size) HAK_NOEXCEPT
{
    hak_free_sized(block, size);
}

#endif

#if defined(__cplusplus)
}
#endif

#endif
