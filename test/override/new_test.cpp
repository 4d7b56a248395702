// SPDX-License-Identifier: MIT
// All twenty forms of operator new and delete, as the C++ standard says of its defaults.
#include "entries.h"

#include <gtest/gtest.h>

#include <sys/resource.h>

#include <memory>
#include <new>

using namespace hak_test;

namespace {

using std::align_val_t;
using std::nothrow;

struct NewForm {
    const char *name;
    bool aligned, throws;
    void *(*alloc)(size_t size, align_val_t alignment);
};

const NewForm NEW_FORMS[] = {
    {"new", false, true, [](size_t size, align_val_t) { return ::operator new(size); }},
    {"new[]", false, true, [](size_t size, align_val_t) { return ::operator new[](size); }},
    {"new nothrow", false, false, [](size_t size, align_val_t) { return ::operator new(size, nothrow); }},
    {"new[] nothrow", false, false, [](size_t size, align_val_t) { return ::operator new[](size, nothrow); }},
    {"new aligned", true, true, [](size_t size, align_val_t to) { return ::operator new(size, to); }},
    {"new[] aligned", true, true, [](size_t size, align_val_t to) { return ::operator new[](size, to); }},
    {"new aligned nothrow", true, false, [](size_t size, align_val_t to) { return ::operator new(size, to, nothrow); }},
    {"new[] aligned nothrow", true, false,
     [](size_t size, align_val_t to) { return ::operator new[](size, to, nothrow); }},
};

struct DeleteForm {
    const char *name;
    bool aligned;
    void (*free)(void *block, size_t size, align_val_t alignment);
};

const DeleteForm DELETE_FORMS[] = {
    {"delete", false, [](void *block, size_t, align_val_t) { ::operator delete(block); }},
    {"delete[]", false, [](void *block, size_t, align_val_t) { ::operator delete[](block); }},
    {"delete nothrow", false, [](void *block, size_t, align_val_t) { ::operator delete(block, nothrow); }},
    {"delete[] nothrow", false, [](void *block, size_t, align_val_t) { ::operator delete[](block, nothrow); }},
    {"delete sized", false, [](void *block, size_t size, align_val_t) { ::operator delete(block, size); }},
    {"delete[] sized", false, [](void *block, size_t size, align_val_t) { ::operator delete[](block, size); }},
    {"delete aligned", true, [](void *block, size_t, align_val_t to) { ::operator delete(block, to); }},
    {"delete[] aligned", true, [](void *block, size_t, align_val_t to) { ::operator delete[](block, to); }},
    {"delete aligned nothrow", true,
     [](void *block, size_t, align_val_t to) { ::operator delete(block, to, nothrow); }},
    {"delete[] aligned nothrow", true,
     [](void *block, size_t, align_val_t to) { ::operator delete[](block, to, nothrow); }},
    {"delete sized aligned", true,
     [](void *block, size_t size, align_val_t to) { ::operator delete(block, size, to); }},
    {"delete[] sized aligned", true,
     [](void *block, size_t size, align_val_t to) { ::operator delete[](block, size, to); }},
};

/** What the form gives; NULL also where it throws std::bad_alloc, and then `thrown` is set. */
void *alloc_or_null(const NewForm &form, size_t size, align_val_t alignment, bool *thrown)
{
    *thrown = false;
    try {
        return form.alloc(opaque(size), alignment);
    } catch (const std::bad_alloc &) {
        *thrown = true;
        return nullptr;
    }
}

void expect_refused(const NewForm &form, size_t size, align_val_t alignment)
{
    bool thrown;
    EXPECT_EQ(alloc_or_null(form, size, alignment, &thrown), nullptr) << form.name;
    EXPECT_EQ(thrown, form.throws) << form.name;
}

/** All blocks of this size that memory is left for. */
std::vector<void *> take_all(size_t size)
{
    std::vector<void *> blocks;
    blocks.reserve(100);
    for (void *block = malloc(size); block != nullptr; block = malloc(size)) {
        blocks.push_back(block);
    }
    return blocks;
}

constexpr size_t TOO_LARGE = PTRDIFF_MAX - 100;

int handler_calls;

class OverrideNewHandler : public testing::Test {
protected:
    void SetUp() override { handler_calls = 0; }
    void TearDown() override { std::set_new_handler(nullptr); }
};

} // namespace

TEST(OverrideNew, EveryFormGoesWithEveryDelete)
{
    uint64_t live = statistics().live_blocks;
    for (const NewForm &form : NEW_FORMS) {
        for (const DeleteForm &other : DELETE_FORMS) {
            for (size_t size : {size_t{0}, size_t{1}, size_t{1000}, 40 * KiB, 5 * MiB}) {
                for (align_val_t alignment :
                     {align_val_t{1}, align_val_t{64}, align_val_t{4096}, align_val_t{1 << 21}}) {
                    if (form.aligned != other.aligned) {
                        continue;
                    }
                    void *block = form.alloc(size, alignment);
                    ASSERT_TRUE(hak_owns(block)) << form.name;
                    ASSERT_GE(malloc_usable_size(block), size) << form.name;
                    ASSERT_EQ(address_of(block) % (form.aligned ? static_cast<size_t>(alignment) : 16), 0u)
                        << form.name;
                    memset(block, 1, size);
                    other.free(block, size, alignment);
                    ASSERT_EQ(statistics().live_blocks, live) << form.name << ", " << other.name;
                }
            }
        }
    }
}

TEST(OverrideNew, DeletesNothing)
{
    for (const DeleteForm &form : DELETE_FORMS) {
        form.free(nullptr, 100, align_val_t{64});
    }
}

TEST(OverrideNew, ServesOverAlignedTypes)
{
    struct alignas(256) Wide {
        char bytes[256];
    };
    auto one = std::make_unique<Wide>();
    auto many = std::make_unique<Wide[]>(5);
    EXPECT_EQ((address_of(one.get()) | address_of(many.get())) % 256, 0u);
    EXPECT_TRUE(hak_owns(one.get()) && hak_owns(many.get()));
}

TEST(OverrideNew, RefusesWhatIsTooLarge)
{
    for (const NewForm &form : NEW_FORMS) {
        for (size_t size : {size_t{PTRDIFF_MAX}, size_t{PTRDIFF_MAX} + 1, SIZE_MAX - 4095, SIZE_MAX}) {
            expect_refused(form, size, align_val_t{64});
        }
    }
}

TEST(OverrideNew, RefusesAnAlignmentThatIsNoPowerOfTwo)
{
    for (const NewForm &form : NEW_FORMS) {
        for (size_t alignment : {0, 3, 24, 4097}) {
            if (form.aligned) {
                expect_refused(form, 100, align_val_t{opaque(alignment)});
            }
        }
    }
}

TEST(OverrideNewDeathTest, AWrongSizeIsNamed)
{
    align_val_t to{64};
    void *block = opaque(::operator new(100)), *aligned = opaque(::operator new(100, to));
    EXPECT_DEATH(::operator delete(block, 5000), "hakmem: wrong size class: .* in hak_free_sized");
    EXPECT_DEATH(::operator delete[](block, 5000), "hakmem: wrong size class: .* in hak_free_sized");
    EXPECT_DEATH(::operator delete(aligned, 5000, to), "hakmem: wrong size class: .* in hak_free_aligned_sized");
    EXPECT_DEATH(::operator delete[](aligned, 5000, to), "hakmem: wrong size class: .* in hak_free_aligned_sized");
    ::operator delete(block);
    ::operator delete(aligned, to);
}

/* --------------------------------------------------------------------------------------------------- handler ---- */

TEST_F(OverrideNewHandler, IsCalledUntilItIsUnset)
{
    for (const NewForm &form : NEW_FORMS) {
        handler_calls = 0;
        std::set_new_handler([] {
            if (++handler_calls == 3) {
                std::set_new_handler(nullptr);
            }
        });
        expect_refused(form, TOO_LARGE, align_val_t{64});
        EXPECT_EQ(handler_calls, 3) << form.name;
    }
}

TEST_F(OverrideNewHandler, MayMakeRoom)
{
    static struct rlimit limit;
    ASSERT_EQ(getrlimit(RLIMIT_DATA, &limit), 0);
    for (const NewForm &form : NEW_FORMS) {
        handler_calls = 0;
        std::set_new_handler([] {
            handler_calls++;
            setrlimit(RLIMIT_DATA, &limit);
        });
        struct rlimit one_page = {4096, limit.rlim_max}; // Linux lets a limit of 0 pass
        ASSERT_EQ(setrlimit(RLIMIT_DATA, &one_page), 0);
        std::vector<void *> left = take_all(256 * MiB);
        void *block = form.alloc(opaque(256 * MiB), align_val_t{64});
        EXPECT_TRUE(hak_owns(block)) << form.name;
        EXPECT_EQ(handler_calls, 1) << form.name;
        free(block);
        for (void *each : left) {
            free(each);
        }
    }
}

TEST_F(OverrideNewHandler, MayThrow)
{
    std::set_new_handler([] {
        handler_calls++;
        throw std::bad_alloc();
    });
    for (const NewForm &form : NEW_FORMS) {
        handler_calls = 0;
        expect_refused(form, TOO_LARGE, align_val_t{64});
        EXPECT_EQ(handler_calls, 1) << form.name;
    }
}

TEST_F(OverrideNewHandler, MayThrowWhatDerivesFromBadAlloc)
{
    struct Worse : std::bad_alloc {};
    std::set_new_handler([] { throw Worse(); });
    EXPECT_THROW(opaque(::operator new(opaque(TOO_LARGE))), Worse);
    EXPECT_THROW(opaque(::operator new[](opaque(TOO_LARGE))), Worse);
    EXPECT_EQ(::operator new(opaque(TOO_LARGE), nothrow), nullptr);
}
