// SPDX-License-Identifier: MIT
// operator new without memory. The program brings its own C++ runtime, if it has one at all; what is needed of it is
// looked for only now.
#include <dlfcn.h>
#include <stdlib.h>

#include <hakmem/hakmem.h>

#include "base/bits.h"
#include "base/check.h"
#include "override/override.h"

/*
 * In the archive, this is part of a C++ program, and its runtime is asked for as the program would. In the shared
 * library there may be no runtime, or one that comes later with dlopen().
 */
#if HAK_RUNTIME_IS_LINKED
#define RUNTIME_LINKAGE
#else
#define RUNTIME_LINKAGE __attribute__((weak))
#endif

typedef void new_handler(void);
typedef new_handler *get_new_handler(void);
typedef void throw_bad_alloc(void);

extern get_new_handler linked_get_new_handler __asm__("_ZSt15get_new_handlerv") RUNTIME_LINKAGE;
extern throw_bad_alloc linked_throw_bad_alloc __asm__("_ZSt17__throw_bad_allocv") RUNTIME_LINKAGE;

/* The loader's functions are weak, for a program linked with -static is without them. */
#pragma weak dlopen
#pragma weak dlsym

void *hak_i_override_runtime_function(const char *name)
{
    static const char *const runtimes[] = {"libstdc++.so.6", "libc++.so.1"};
    if (dlopen == NULL || dlsym == NULL)
        return NULL;
    void *found = NULL;
    for (size_t i = 0; found == NULL && i < sizeof runtimes / sizeof *runtimes; i++) {
        void *runtime = dlopen(runtimes[i], RTLD_LAZY | RTLD_NOLOAD);
        found = runtime == NULL ? NULL : dlsym(runtime, name);
    }
    return found;
}

/* A runtime that came with dlopen() answers no weak reference. */
static new_handler *current_handler(void)
{
    get_new_handler *get = linked_get_new_handler;
    if (get == NULL)
        get = (get_new_handler *)hak_i_override_runtime_function("_ZSt15get_new_handlerv");
    return get == NULL ? NULL : get();
}

__attribute__((noreturn)) static void fail(void)
{
    throw_bad_alloc *throw = linked_throw_bad_alloc;
    if (throw == NULL)
        throw = (throw_bad_alloc *)hak_i_override_runtime_function("_ZSt17__throw_bad_allocv");
    if (throw != NULL)
        throw();
    struct hak_line line = {0};
    hak_i_base_line_text(&line, "out of memory in operator new, and no C++ runtime to throw std::bad_alloc");
    hak_i_base_line_write(&line);
    abort();
}

void *hak_i_override_new_retry(size_t size, size_t alignment)
{
    void *block = NULL;
    while (block == NULL && hak_is_power_of_two(alignment)) {
        new_handler *handler = current_handler();
        if (handler == NULL)
            return NULL;
        handler();
        block = hak_aligned_alloc(alignment, size);
    }
    return block;
}

void *hak_i_override_new_slow(size_t size, size_t alignment)
{
    void *block = hak_i_override_new_retry(size, alignment);
    if (block == NULL)
        fail();
    return block;
}
