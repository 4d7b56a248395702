// SPDX-License-Identifier: MIT
// A program that replaces only operator new(size_t) and operator delete(void *): the other plain forms reach its own.
#include "program.h"

#include <new>

namespace {

constexpr size_t HEADER_BYTES = 32;
constexpr uint64_t MARK = 0x6d61726b6d61726b;

int blocks_made, blocks_deleted;
bool has_memory = true;

/** Hides what is known of the block, so that no pair of calls can be left out. */
void *hidden(void *block)
{
    __asm__ volatile("" : "+r"(block) : : "memory");
    return block;
}

using Make = void *(*)();
using Delete = void (*)(void *);

const Make MAKERS[] = {
    [] { return ::operator new(100); },
    [] { return ::operator new[](100); },
    [] { return ::operator new(100, std::nothrow); },
    [] { return ::operator new[](100, std::nothrow); },
    [] { return static_cast<void *>(new char[100]); },
};

const Delete DELETERS[] = {
    [](void *block) { ::operator delete(block); },
    [](void *block) { ::operator delete[](block); },
    [](void *block) { ::operator delete(block, std::nothrow); },
    [](void *block) { ::operator delete[](block, std::nothrow); },
    [](void *block) { ::operator delete (block, size_t{100}); },
    [](void *block) { ::operator delete[](block, size_t{100}); },
    [](void *block) { delete[] static_cast<char *>(block); },
    [](void *block) { delete static_cast<uint64_t *>(block); }, // the compiler passes the size
};

template <class Call>
bool throws(Call call)
{
    try {
        hidden(call());
        return false;
    } catch (const std::bad_alloc &) {
        return true;
    }
}

} // namespace

void *operator new(size_t size)
{
    if (!has_memory) {
        throw std::bad_alloc();
    }
    char *block = static_cast<char *>(malloc(size + HEADER_BYTES));
    memcpy(block, &MARK, sizeof MARK);
    blocks_made++;
    return block + HEADER_BYTES;
}

#pragma GCC diagnostic ignored "-Wsized-deallocation" // that it has no sized form is what is tested

void operator delete(void *block) noexcept
{
    char *start = static_cast<char *>(block) - HEADER_BYTES;
    REQUIRE(memcmp(start, &MARK, sizeof MARK) == 0);
    blocks_deleted++;
    free(start);
}

int main()
{
    void *block = malloc(1);
    REQUIRE(is_hakmems(block));
    free(block);
    blocks_made = blocks_deleted = 0;
    int wanted = 0;
    for (Make make : MAKERS) {
        for (Delete remove : DELETERS) {
            remove(hidden(make()));
            wanted++;
            REQUIRE(blocks_made == wanted);
            REQUIRE(blocks_deleted == wanted);
        }
    }
    void *aligned = ::operator new (100, std::align_val_t{64});
    REQUIRE(is_hakmems(aligned) && blocks_made == wanted);
    ::operator delete (hidden(aligned), size_t{100}, std::align_val_t{64});
    REQUIRE(blocks_deleted == wanted);

    has_memory = false;
    REQUIRE(::operator new(100, std::nothrow) == nullptr);
    REQUIRE(::operator new[](100, std::nothrow) == nullptr);
    REQUIRE(throws([] { return ::operator new[](100); }));
    return 0;
}
