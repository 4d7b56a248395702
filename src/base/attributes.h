// SPDX-License-Identifier: MIT
// Compiler words used all over the tree.
#ifndef HAK_BASE_ATTRIBUTES_H
#define HAK_BASE_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HAK_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define HAK_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define HAK_COLD __attribute__((cold, noinline))
#define HAK_NOINLINE __attribute__((noinline))
#define HAK_INLINE static inline __attribute__((always_inline))
#define HAK_CACHE_LINE_BYTES 64

/* What a process touches that never allocates: it lies in a page that the loader writes anyway. */
#define HAK_LOADED __attribute__((section(".data")))
#define HAK_ALIGNED(bytes) __attribute__((aligned(bytes)))

/* Another name for a function of the same file, for which the compiler knows the same. */
#if __has_attribute(copy)
#define HAK_ALIAS_OF(function) __attribute__((alias(#function), copy(function)))
#else
#define HAK_ALIAS_OF(function) __attribute__((alias(#function)))
#endif

#if defined(__cplusplus)
#define HAK_STATIC_ASSERT(condition, text) static_assert(condition, text)
#define HAK_EXTERN_C_BEGIN extern "C" {
#define HAK_EXTERN_C_END }
#else
#define HAK_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#define HAK_EXTERN_C_BEGIN
#define HAK_EXTERN_C_END
#endif

#define HAK_KIB ((size_t)1 << 10)
#define HAK_MIB ((size_t)1 << 20)
#define HAK_GIB ((size_t)1 << 30)

#endif
