// SPDX-License-Identifier: MIT
// Linked with -static and the archive: operator new is hakmem's, and has what it needs to run out of memory as it
// should.
#define HAKMEM_TEST_STATIC
#include "program.h"

#include <hakmem/hakmem.h>

#include <new>

int main()
{
    volatile size_t too_large = PTRDIFF_MAX - 100;
    int *number = new int(1);
    REQUIRE(hak_owns(number));
    hak_free_sized(number, sizeof *number);
    bool thrown = false;
    try {
        ::operator delete(::operator new(too_large));
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    REQUIRE(thrown);
    REQUIRE(::operator new(too_large, std::nothrow) == nullptr);
    static int handler_calls;
    std::set_new_handler([] {
        handler_calls++;
        std::set_new_handler(nullptr);
    });
    REQUIRE(::operator new(too_large, std::nothrow) == nullptr);
    REQUIRE(handler_calls == 1);
    return 0;
}
