// SPDX-License-Identifier: MIT
// All memory that word_index asks for. The same sources are built over hakmem and over the system's malloc.
#ifndef WORD_INDEX_MEMORY_H
#define WORD_INDEX_MEMORY_H

#ifdef WORD_INDEX_OVER_SYSTEM_MALLOC

#include <stdlib.h>
#include <string.h>

#define memory_alloc malloc
#define memory_calloc calloc
#define memory_reallocarray reallocarray
#define memory_strndup strndup
#define memory_free free

#else

#include <hakmem/hakmem.h>

#define memory_alloc hak_alloc
#define memory_calloc hak_calloc
#define memory_reallocarray hak_reallocarray
#define memory_strndup hak_strndup
#define memory_free hak_free

#endif

#endif
