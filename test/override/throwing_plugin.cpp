// SPDX-License-Identifier: MIT
// A C++ plugin for a program in C, which has no C++ runtime before. The function tells whether all went as in C++
// programs.
#include <cstddef>
#include <cstdint>
#include <new>

namespace {

int handler_calls;

template <class Call>
bool throws(Call call)
{
    try {
        call();
        return false;
    } catch (const std::bad_alloc &) {
        return true;
    }
}

} // namespace

extern "C" bool plugin_throws(void)
{
    volatile size_t too_large = PTRDIFF_MAX - 100;
    bool good = throws([&] { ::operator delete(::operator new(too_large)); });
    good =
        throws([&] { ::operator delete[](::operator new[](too_large, std::align_val_t{64}), std::align_val_t{64}); }) &&
        good;
    good = ::operator new(too_large, std::nothrow) == nullptr &&good;
    std::set_new_handler([] {
        if (++handler_calls == 2) {
            std::set_new_handler(nullptr);
        }
    });
    good = throws([&] { ::operator delete(::operator new(too_large)); }) && good;
    handler_calls *= 10;
    std::set_new_handler([] {
        handler_calls++;
        throw std::bad_alloc();
    });
    good = ::operator new(too_large, std::nothrow) == nullptr &&good;
    std::set_new_handler(nullptr);
    return good && handler_calls == 21;
}
