// SPDX-License-Identifier: MIT
// operator new without memory. The program brings its own C++ runtime, if it has one at all; what is needed of it is
// looked for only now.
#include <dlfcn.h>
#include <stdlib.h>

#include <hakmem/hakmem.h>

#include "base/bits.h"
#include "base/check.h"
#include "override/override.h"

/* A program linked with -static may be without the loader's functions. */
#pragma weak dlopen
#pragma weak dlsym

typedef void new_handler(void);
typedef new_handler *get_new_handler(void);
typedef void throw_bad_alloc(void);

extern get_new_handler linked_get_new_handler __asm__("_ZSt15get_new_handlerv") __attribute__((weak));
extern throw_bad_alloc linked_throw_bad_alloc __asm__("_ZSt17__throw_bad_allocv") __attribute__((weak));

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

void *hak_i_override_new_slow(size_t size, size_t alignment)
{
    void *block = NULL;
    while (block == NULL) {
        new_handler *handler = hak_is_power_of_two(alignment) ? current_handler() : NULL;
        if (handler == NULL)
            fail();
        handler();
        block = hak_aligned_alloc(alignment, size);
    }
    return block;
}
