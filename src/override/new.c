// SPDX-License-Identifier: MIT
// C++'s new and delete, in C, under their names in the platform's C++ ABI. Each form does what the standard says of the
// default: it calls the form that it is defined by, which may be the program's own.
#include <hakmem/hakmem.h>

#include "override/override.h"

struct nothrow;

/* Weak, so that a program linked with the archive may have a form of its own. */
#define FORM(result, name, abi_name, ...)                                                                              \
    HAK_EXPORT result name(__VA_ARGS__) __asm__(abi_name) __attribute__((weak));                                       \
    HAK_EXPORT result name(__VA_ARGS__)

/* A form that the program may have replaced, under which name hakmem's own can still be told from it. */
#define FORM_AND_OWN(result, name, abi_name, ...)                                                                      \
    static __typeof__(result) own_##name(__VA_ARGS__);                                                                 \
    HAK_EXPORT extern __typeof__(own_##name) name __asm__(abi_name) __attribute__((weak, alias("own_" #name)));        \
    static __attribute__((used)) result own_##name(__VA_ARGS__)

/* The loader decides which form the name is bound to, so the compiler must not. */
static bool is_same(const void *bound, const void *own)
{
    __asm__("" : "+r"(bound));
    return HAK_LIKELY(bound == own);
}

#define IS_OWN(name) is_same((const void *)(name), (const void *)own_##name)

/* -------------------------------------------------------------------------------------------------------- new ---- */

FORM_AND_OWN(void *, new_plain, "_Znwm", size_t size)
{
    void *block = hak_alloc(size);
    return HAK_LIKELY(block != NULL) ? block : hak_i_override_new_slow(size, 1);
}

FORM_AND_OWN(void *, new_aligned, "_ZnwmSt11align_val_t", size_t size, size_t alignment)
{
    void *block = hak_aligned_alloc(alignment, size);
    return HAK_LIKELY(block != NULL) ? block : hak_i_override_new_slow(size, alignment);
}

FORM_AND_OWN(void *, new_array, "_Znam", size_t size)
{
    return new_plain(size);
}

FORM_AND_OWN(void *, new_array_aligned, "_ZnamSt11align_val_t", size_t size, size_t alignment)
{
    return new_aligned(size, alignment);
}

/* ------------------------------------------------------------------------------------------- new, not throwing ---- */

/*
 * What the form throws can be caught only in C++. So when memory has run out, or the program has replaced the form, the
 * C++ runtime's nothrow form goes on, which calls it. A program that has linked its runtime statically has none but
 * these: nothing must throw there.
 */
typedef void *new_form(size_t size);
typedef void *new_aligned_form(size_t size, size_t alignment);
typedef void *new_nothrow_form(size_t size, const struct nothrow *tag);
typedef void *new_aligned_nothrow_form(size_t size, size_t alignment, const struct nothrow *tag);

static void *retry_plain(size_t size)
{
    return hak_i_override_new_retry(size, 1);
}

static HAK_COLD void *go_on(const char *runtime_form, size_t size, const struct nothrow *tag, new_form *otherwise)
{
    new_nothrow_form *next = (new_nothrow_form *)hak_i_override_runtime_function(runtime_form);
    return next != NULL ? next(size, tag) : otherwise(size);
}

static HAK_COLD void *go_on_aligned(const char *runtime_form, size_t size, size_t alignment, const struct nothrow *tag,
                                    new_aligned_form *otherwise)
{
    new_aligned_nothrow_form *next = (new_aligned_nothrow_form *)hak_i_override_runtime_function(runtime_form);
    return next != NULL ? next(size, alignment, tag) : otherwise(size, alignment);
}

FORM(void *, new_nothrow, "_ZnwmRKSt9nothrow_t", size_t size, const struct nothrow *tag)
{
    bool own = IS_OWN(new_plain);
    void *block = own ? hak_alloc(size) : NULL;
    return HAK_LIKELY(block != NULL) ? block : go_on("_ZnwmRKSt9nothrow_t", size, tag, own ? retry_plain : new_plain);
}

FORM(void *, new_array_nothrow, "_ZnamRKSt9nothrow_t", size_t size, const struct nothrow *tag)
{
    bool own = IS_OWN(new_plain) && IS_OWN(new_array);
    void *block = own ? hak_alloc(size) : NULL;
    return HAK_LIKELY(block != NULL) ? block : go_on("_ZnamRKSt9nothrow_t", size, tag, own ? retry_plain : new_array);
}

FORM(void *, new_aligned_nothrow, "_ZnwmSt11align_val_tRKSt9nothrow_t", size_t size, size_t alignment,
     const struct nothrow *tag)
{
    bool own = IS_OWN(new_aligned);
    void *block = own ? hak_aligned_alloc(alignment, size) : NULL;
    return HAK_LIKELY(block != NULL) ? block
                                     : go_on_aligned("_ZnwmSt11align_val_tRKSt9nothrow_t", size, alignment, tag,
                                                     own ? hak_i_override_new_retry : new_aligned);
}

FORM(void *, new_array_aligned_nothrow, "_ZnamSt11align_val_tRKSt9nothrow_t", size_t size, size_t alignment,
     const struct nothrow *tag)
{
    bool own = IS_OWN(new_aligned) && IS_OWN(new_array_aligned);
    void *block = own ? hak_aligned_alloc(alignment, size) : NULL;
    return HAK_LIKELY(block != NULL) ? block
                                     : go_on_aligned("_ZnamSt11align_val_tRKSt9nothrow_t", size, alignment, tag,
                                                     own ? hak_i_override_new_retry : new_array_aligned);
}

/* ----------------------------------------------------------------------------------------------------- delete ---- */

FORM_AND_OWN(void, delete_plain, "_ZdlPv", void *block)
{
    hak_free(block);
}

FORM_AND_OWN(void, delete_aligned, "_ZdlPvSt11align_val_t", void *block, size_t alignment)
{
    (void)alignment;
    hak_free(block);
}

FORM_AND_OWN(void, delete_array, "_ZdaPv", void *block)
{
    delete_plain(block);
}

FORM_AND_OWN(void, delete_array_aligned, "_ZdaPvSt11align_val_t", void *block, size_t alignment)
{
    delete_aligned(block, alignment);
}

FORM(void, delete_nothrow, "_ZdlPvRKSt9nothrow_t", void *block, const struct nothrow *tag)
{
    (void)tag;
    delete_plain(block);
}

FORM(void, delete_array_nothrow, "_ZdaPvRKSt9nothrow_t", void *block, const struct nothrow *tag)
{
    (void)tag;
    delete_array(block);
}

FORM(void, delete_aligned_nothrow, "_ZdlPvSt11align_val_tRKSt9nothrow_t", void *block, size_t alignment,
     const struct nothrow *tag)
{
    (void)tag;
    delete_aligned(block, alignment);
}

FORM(void, delete_array_aligned_nothrow, "_ZdaPvSt11align_val_tRKSt9nothrow_t", void *block, size_t alignment,
     const struct nothrow *tag)
{
    (void)tag;
    delete_array_aligned(block, alignment);
}

/* -------------------------------------------------------------------------------------- delete, told the size ---- */

FORM(void, delete_sized, "_ZdlPvm", void *block, size_t size)
{
    if (IS_OWN(delete_plain))
        hak_free_sized(block, size);
    else
        delete_plain(block);
}

FORM(void, delete_array_sized, "_ZdaPvm", void *block, size_t size)
{
    if (IS_OWN(delete_plain) && IS_OWN(delete_array))
        hak_free_sized(block, size);
    else
        delete_array(block);
}

FORM(void, delete_sized_aligned, "_ZdlPvmSt11align_val_t", void *block, size_t size, size_t alignment)
{
    if (IS_OWN(delete_aligned))
        hak_free_aligned_sized(block, alignment, size);
    else
        delete_aligned(block, alignment);
}

FORM(void, delete_array_sized_aligned, "_ZdaPvmSt11align_val_t", void *block, size_t size, size_t alignment)
{
    if (IS_OWN(delete_aligned) && IS_OWN(delete_array_aligned))
        hak_free_aligned_sized(block, alignment, size);
    else
        delete_array_aligned(block, alignment);
}
