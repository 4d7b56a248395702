// SPDX-License-Identifier: MIT
// The inlined calls do what those of the same name do, at constant sizes and others, from every thread.
#include <hakmem/inline.h>

#include "front/support.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <thread>
#include <utility>

using namespace hak_test;

namespace {

/** Collects reports while it lives. */
class Inline : public testing::Test {
protected:
    void SetUp() override { hak_set_error_handler(&Inline::keep, this); }
    void TearDown() override
    {
        hak_set_error_handler(nullptr, nullptr);
        EXPECT_EQ(reports_, 0);
    }

    static void keep(const hak_error *error, void *arg)
    {
        Inline &test = *static_cast<Inline *>(arg);
        test.reports_++;
        test.kind_ = error->kind;
        test.address_ = error->address;
        hak_free_sized_inline(hak_alloc_inline(48), 48); // a handler may use them
    }

    void expect_report(hak_error_kind kind, const void *address)
    {
        EXPECT_EQ(reports_, 1);
        EXPECT_EQ(kind_, kind);
        EXPECT_EQ(address_, address);
        reports_ = 0;
    }

    int reports_ = 0;
    hak_error_kind kind_ = {};
    const void *address_ = nullptr;
};

/** The inlined calls at one constant size: all that is compiled once for each. */
template <size_t SIZE>
class Calls {
public:
    static void *make() { return hak_alloc_inline(SIZE); }
    static void free(void *block) { hak_free_inline(block); }
    static void free_sized(void *block) { hak_free_sized_inline(block, SIZE); }
    static void free_as_next_class(void *block) { hak_free_sized_inline(block, 2 * SIZE); }
};

/** Blocks of one size, made and freed by every pairing of functions. */
void use(size_t size, void *(*make)(), void (*free_sized)(void *))
{
    SCOPED_TRACE(size);
    std::vector<void *> blocks(300);
    uint64_t live = statistics().live_blocks;
    for (size_t i = 0; i < blocks.size(); i++) {
        blocks[i] = i % 5 == 0 ? hak_alloc(size) : make();
        ASSERT_NE(blocks[i], nullptr);
        ASSERT_EQ(hak_usable_size(blocks[i]), hak_good_size(size));
        ASSERT_EQ(address_of(blocks[i]) % 16, 0u);
        fill(blocks[i], size < 4 * KiB ? size : 4 * KiB, i);
    }
    for (size_t i = 0; i < blocks.size(); i++) {
        ASSERT_TRUE(is_filled(blocks[i], size < 4 * KiB ? size : 4 * KiB, i));
        switch (i % 4) {
        case 0:
            hak_free(blocks[i]);
            break;
        case 1:
            hak_free_inline(blocks[i]);
            break;
        case 2:
            free_sized(blocks[i]);
            break;
        default:
            hak_free_sized_inline(blocks[i], opaque(size));
        }
    }
    EXPECT_EQ(statistics().live_blocks, live);
}

template <size_t SIZE>
void use_size()
{
    use(SIZE, Calls<SIZE>::make, Calls<SIZE>::free_sized);
}

template <size_t... SIZES>
void use_sizes(std::index_sequence<SIZES...>)
{
    (use_size<SIZES * 8>(), ...);
    (use_size<SIZES * 8 + 1>(), ...);
}

} // namespace

TEST_F(Inline, ServesEveryClassAndBothItsEdges)
{
    use_sizes(std::make_index_sequence<140>());
    use_size<1279>();
    use_size<1280>();
    use_size<1281>();
    use_size<5000>();
    use_size<32 * KiB>();
    use_size<64 * KiB>();
    use_size<64 * KiB + 1>();
    use_size<255 * KiB>();
}

TEST_F(Inline, ServesLargeAndRefusesImpossibleSizes)
{
    void *block = hak_alloc_inline(1 * MiB);
    EXPECT_EQ(hak_usable_size(block), 1 * MiB);
    hak_free_sized_inline(block, 1 * MiB);
    hak_free_inline(hak_alloc_inline(256 * KiB + 1));
    errno = 0;
    EXPECT_EQ(hak_alloc_inline(opaque(SIZE_MAX)), nullptr);
    EXPECT_EQ(errno, ENOMEM);
}

TEST_F(Inline, FreesNothingForNull)
{
    hak_free_inline(nullptr);
    hak_free_sized_inline(nullptr, 64);
    hak_free_sized_inline(nullptr, opaque(size_t{64}));
}

TEST_F(Inline, KeepsErrno)
{
    errno = 12345;
    for (int i = 0; i < 5000; i++) {
        hak_free_inline(hak_alloc_inline(200));
    }
    EXPECT_EQ(errno, 12345);
}

/* ------------------------------------------------------------------------------------------------------ misuse ---- */

TEST_F(Inline, NamesABlockFreedTwice)
{
    for (auto release : {Calls<96>::free, Calls<96>::free_sized}) {
        void *first = Calls<96>::make();
        void *second = Calls<96>::make();
        release(first);
        release(first);
        expect_report(HAK_ERROR_DOUBLE_FREE, first);
        release(second);
        release(first);
        expect_report(HAK_ERROR_DOUBLE_FREE, first);
    }
}

TEST_F(Inline, NamesInteriorAndForeignPointers)
{
    int foreign = 0;
    char *block = static_cast<char *>(Calls<96>::make());
    for (auto release : {Calls<96>::free, Calls<96>::free_sized}) {
        release(block + 16);
        expect_report(HAK_ERROR_INTERIOR_POINTER, block + 16);
        release(block + 1);
        expect_report(HAK_ERROR_INTERIOR_POINTER, block + 1);
        for (void *bad : {static_cast<void *>(&foreign), pointer_to(64), pointer_to(UINTPTR_MAX)}) {
            release(bad);
            expect_report(HAK_ERROR_FOREIGN_POINTER, bad);
        }
    }
    Calls<96>::free(block);
}

TEST_F(Inline, NamesAWrongSize)
{
    void *blocks[8]; // of which some start where one of the other class would
    for (void *&block : blocks) {
        block = Calls<96>::make();
        Calls<96>::free_as_next_class(block);
        expect_report(HAK_ERROR_WRONG_SIZE_CLASS, block);
    }
    hak_free_sized_inline(blocks[0], 1 * MiB);
    expect_report(HAK_ERROR_WRONG_SIZE_CLASS, blocks[0]);
    for (void *block : blocks) {
        Calls<96>::free_sized(block);
    }
}

/* ----------------------------------------------------------------------------------------------------- threads ---- */

TEST_F(Inline, WorksAcrossThreads)
{
    std::vector<void *> blocks(1000);
    for (void *&block : blocks) {
        block = hak_alloc_inline(64);
    }
    std::thread([&] { // whose first calls these are
        for (size_t i = 0; i < blocks.size(); i += 2) {
            hak_free_inline(blocks[i]);
            hak_free_sized_inline(blocks[i + 1], 64);
        }
        for (void *&block : blocks) {
            block = hak_alloc_inline(64);
            fill(block, 64, address_of(block));
        }
    })
        .join();
    for (void *block : blocks) {
        ASSERT_TRUE(is_filled(block, 64, address_of(block)));
        hak_free_inline(block);
    }
}

TEST_F(Inline, WorksPastAThreadsEnd)
{
    static pthread_key_t key;
    static std::atomic<int> passes;
    passes = 0;
    hak_free(hak_alloc(64)); // hakmem has its key
    ASSERT_EQ(pthread_key_create(&key,
                                 [](void *) {
                                     if (++passes == 1) {
                                         pthread_setspecific(key, &key); // once more, when hakmem has let go
                                         return;
                                     }
                                     use_size<64>();
                                 }),
              0);
    std::thread([] {
        hak_free_inline(hak_alloc_inline(64));
        pthread_setspecific(key, &key);
    }).join();
    pthread_key_delete(key);
    EXPECT_EQ(passes, 2);
}
