// SPDX-License-Identifier: MIT
// The drop-in: malloc and its family, glibc's additions, and C++'s new and delete, over the public hak_ functions.
//
// Whatever is exported is called through the global offset table, also inside the shared library. So a program that
// links both libraries has one heap, whichever of them the loader finds first, and a form of new or delete that the
// program replaces is reached by the others.
#ifndef HAK_OVERRIDE_H
#define HAK_OVERRIDE_H

#include <malloc.h>
#include <stdio.h>

#include "base/attributes.h"

#define HAK_EXPORT __attribute__((visibility("default")))

HAK_EXTERN_C_BEGIN

/* ----------------------------------------------------------------------------------------------------- malloc ---- */

/* What the system's headers declare nowhere, or not everywhere. */
HAK_EXPORT void free_sized(void *block, size_t size);
HAK_EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size);
HAK_EXPORT void cfree(void *block);
HAK_EXPORT void *pvalloc(size_t size);
#if defined(__GLIBC__)
HAK_EXPORT struct mallinfo __libc_mallinfo(void);
#else
HAK_EXPORT int malloc_trim(size_t pad);
HAK_EXPORT int mallopt(int parameter, int value);
HAK_EXPORT void malloc_stats(void);
HAK_EXPORT int malloc_info(int options, FILE *stream);
#endif

/* -------------------------------------------------------------------------------------------- out of memory ---- */

/*
 * There is no memory: calls the program's new-handler and tries again, until there is no handler, and gives NULL. The
 * alignment 1 is that of the plain forms.
 */
HAK_COLD void *hak_i_override_new_retry(size_t size, size_t alignment);

/* As above, and throws std::bad_alloc instead of giving NULL. */
HAK_COLD void *hak_i_override_new_slow(size_t size, size_t alignment);

/* The function of that name in the C++ runtime that the process has loaded, NULL where there is none. */
void *hak_i_override_runtime_function(const char *name);

HAK_EXTERN_C_END

#endif
