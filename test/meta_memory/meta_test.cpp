// SPDX-License-Identifier: MIT
#include "meta/meta.h"

#include "fake_os/fake_os.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <thread>

namespace {

constexpr size_t KiB = 1024;
constexpr size_t MiB = 1024 * KiB;

class Meta : public testing::TestWithParam<bool> {
protected:
    void SetUp() override
    {
        fake_os::reset();
        hak_i_meta_init(&meta, GetParam());
    }
    void TearDown() override { fake_os::reset(); }

    hak_meta meta;
};

INSTANTIATE_TEST_SUITE_P(AddressSpace, Meta, testing::Bool(),
                         [](const auto &limited) { return limited.param ? "Limited" : "Plentiful"; });

class MetaDeathTest : public Meta {};

INSTANTIATE_TEST_SUITE_P(AddressSpace, MetaDeathTest, testing::Values(false), testing::PrintToStringParamName());

uintptr_t address_of(const void *memory)
{
    return reinterpret_cast<uintptr_t>(memory);
}

bool reads_as_zero(const void *memory, size_t bytes)
{
    const char *start = static_cast<const char *>(memory);
    return std::all_of(start, start + bytes, [](char byte) { return byte == 0; });
}

/** Pieces of memory that must not overlap; each is written as it is added. */
class Pieces {
public:
    void add(void *memory, size_t bytes)
    {
        uintptr_t start = address_of(memory);
        auto next = pieces_.lower_bound(start);
        EXPECT_TRUE(next == pieces_.end() || start + bytes <= next->first);
        EXPECT_TRUE(next == pieces_.begin() || std::prev(next)->second <= start);
        pieces_[start] = start + bytes;
        memset(memory, 0xee, bytes);
    }
    void remove(void *memory) { pieces_.erase(address_of(memory)); }

private:
    std::map<uintptr_t, uintptr_t> pieces_;
};

} // namespace

TEST_P(Meta, AsksForNothingBeforeItIsNeeded)
{
    EXPECT_TRUE(fake_os::calls().empty());
    EXPECT_EQ(meta.reserved_bytes, 0u);
    EXPECT_EQ(meta.committed_bytes, 0u);
}

TEST_P(Meta, CarvesZeroedMemoryThatIsApart)
{
    std::mt19937 random(1);
    Pieces pieces;
    for (int i = 0; i < 1000; i++) {
        size_t bytes = 1 + random() % (i % 10 == 0 ? 100000 : 500);
        void *memory = hak_i_meta_carve(&meta, bytes);
        ASSERT_NE(memory, nullptr);
        EXPECT_EQ(address_of(memory) % 64, 0u);
        EXPECT_TRUE(reads_as_zero(memory, bytes));
        pieces.add(memory, bytes);
    }
}

TEST_P(Meta, GivesWhatWasReleasedToTheNextOfThatSize)
{
    void *small = hak_i_meta_acquire(&meta, 100);
    void *large = hak_i_meta_acquire(&meta, 5000);
    hak_i_meta_release(&meta, small, 100);
    hak_i_meta_release(&meta, large, 5000);
    EXPECT_NE(hak_i_meta_acquire(&meta, 200), small);
    EXPECT_EQ(hak_i_meta_acquire(&meta, 8192), large);
    EXPECT_EQ(hak_i_meta_acquire(&meta, 65), small);
    EXPECT_NE(hak_i_meta_acquire(&meta, 128), small);
}

TEST_P(Meta, AcquiresAndReleasesAtRandom)
{
    std::mt19937 random(1);
    std::vector<std::pair<void *, size_t>> live;
    Pieces pieces;
    for (int i = 0; i < 5000; i++) {
        if (live.size() > 50 || (!live.empty() && random() % 3 == 0)) {
            std::swap(live[random() % live.size()], live.back());
            pieces.remove(live.back().first);
            hak_i_meta_release(&meta, live.back().first, live.back().second);
            live.pop_back();
            continue;
        }
        size_t bytes = 1 + random() % 20000;
        void *memory = hak_i_meta_acquire(&meta, bytes);
        ASSERT_NE(memory, nullptr);
        EXPECT_EQ(address_of(memory) % 64, 0u);
        pieces.add(memory, bytes);
        live.emplace_back(memory, bytes);
    }
    EXPECT_LT(meta.committed_bytes, 10 * MiB);
}

TEST_P(Meta, CountsWhatItReservesAndCommits)
{
    ASSERT_NE(hak_i_meta_carve(&meta, MiB), nullptr);
    ASSERT_NE(hak_i_meta_carve(&meta, 70 * MiB), nullptr);
    size_t committed = 0;
    for (const fake_os::Call &call : fake_os::calls(HAK_OS_COMMIT)) {
        committed += call.bytes;
    }
    EXPECT_EQ(meta.committed_bytes, committed);
    EXPECT_EQ(meta.reserved_bytes, fake_os::mapped_bytes());
}

TEST_P(Meta, AsksSeldom)
{
    constexpr int FIRST = 1023; // and one record of its own
    for (int i = 0; i < FIRST; i++) {
        ASSERT_NE(hak_i_meta_carve(&meta, 64), nullptr);
    }
    EXPECT_EQ(fake_os::calls(HAK_OS_COMMIT).size(), 1u);
    ASSERT_NE(hak_i_meta_carve(&meta, 64), nullptr);
    EXPECT_EQ(fake_os::calls(HAK_OS_COMMIT).size(), 2u);
    EXPECT_EQ(fake_os::calls(HAK_OS_RESERVE).size(), GetParam() ? 2u : 1u);
}

TEST_P(Meta, HasRoomForSmallRecordsBehindTheFirst)
{
    ASSERT_NE(hak_i_meta_carve(&meta, 5 * MiB - 64), nullptr);
    ASSERT_NE(hak_i_meta_carve(&meta, 32 * KiB), nullptr);
    EXPECT_EQ(fake_os::calls(HAK_OS_COMMIT).size(), GetParam() ? 2u : 1u); /* limited: nothing beforehand */
}

TEST_P(Meta, LiesBetweenGuardPages)
{
    for (size_t page : {4 * KiB, 16 * KiB, 64 * KiB}) {
        fake_os::reset();
        fake_os::set_page_bytes(page);
        hak_i_meta_init(&meta, GetParam());
        ASSERT_NE(hak_i_meta_carve(&meta, 65 * MiB), nullptr);
        fake_os::Call reserved = fake_os::calls(HAK_OS_RESERVE)[0];
        EXPECT_FALSE(fake_os::is_committed(reserved.address, page));
        EXPECT_FALSE(fake_os::is_committed(reserved.address + reserved.bytes - page, page));
        EXPECT_TRUE(fake_os::is_committed(reserved.address + page, reserved.bytes - 2 * page));
    }
}

TEST_P(Meta, KnowsItsOwnMemory)
{
    int local = 0;
    EXPECT_FALSE(hak_i_meta_holds(&meta, address_of(&local)));
    for (size_t bytes : {100 * KiB, 70 * MiB, 64 * KiB, size_t{64}}) {
        uintptr_t start = address_of(hak_i_meta_carve(&meta, bytes));
        EXPECT_TRUE(hak_i_meta_holds(&meta, start)) << bytes;
        EXPECT_TRUE(hak_i_meta_holds(&meta, start + bytes - 1)) << bytes;
    }
    for (const fake_os::Call &reserved : fake_os::calls(HAK_OS_RESERVE)) {
        EXPECT_FALSE(hak_i_meta_holds(&meta, reserved.address));
        EXPECT_FALSE(hak_i_meta_holds(&meta, reserved.address + reserved.bytes - 4 * KiB));
    }
    for (uintptr_t address : {uintptr_t{0}, address_of(&local), UINTPTR_MAX}) {
        EXPECT_FALSE(hak_i_meta_holds(&meta, address));
    }
}

TEST_P(Meta, NamesEachPieceOnce)
{
    ASSERT_NE(hak_i_meta_carve(&meta, 1), nullptr);
    ASSERT_NE(hak_i_meta_carve(&meta, MiB), nullptr);
    std::vector<fake_os::Call> pieces = fake_os::calls(HAK_OS_RESERVE);
    std::vector<fake_os::Call> names = fake_os::calls(HAK_OS_NAME);
    ASSERT_EQ(names.size(), pieces.size());
    for (size_t i = 0; i < names.size(); i++) {
        EXPECT_EQ(names[i].name, "hakmem metadata");
        EXPECT_EQ(names[i].address, pieces[i].address);
        EXPECT_EQ(names[i].bytes, pieces[i].bytes);
    }
}

TEST_P(Meta, NeverGivesBackToTheSystem)
{
    void *memory = hak_i_meta_acquire(&meta, MiB);
    hak_i_meta_release(&meta, memory, MiB);
    EXPECT_TRUE(fake_os::calls(HAK_OS_PURGE).empty());
    EXPECT_TRUE(fake_os::calls(HAK_OS_RELEASE).empty());
}

TEST_P(Meta, AnswersEachFailureWithNullAndGoesOn)
{
    size_t failing = fake_os::fail_each_call([this] {
        hak_i_meta_init(&meta, GetParam());
        Pieces pieces;
        size_t nulls = 0;
        for (int i = 0; i < 100; i++) {
            void *memory = i % 2 == 0 ? hak_i_meta_carve(&meta, 3000) : hak_i_meta_acquire(&meta, 3000);
            nulls += memory == nullptr;
            if (memory != nullptr) {
                pieces.add(memory, 3000);
            }
        }
        EXPECT_EQ(nulls, fake_os::failures());
        EXPECT_EQ(meta.reserved_bytes, fake_os::mapped_bytes());
    });
    EXPECT_GE(failing, 5u);
}

TEST_P(Meta, IsUsableAfterALongDrought)
{
    fake_os::fail_from(1);
    for (int i = 0; i < 10; i++) {
        EXPECT_EQ(hak_i_meta_carve(&meta, 64), nullptr);
        EXPECT_EQ(hak_i_meta_acquire(&meta, 64), nullptr);
    }
    fake_os::fail_never();
    void *memory = hak_i_meta_carve(&meta, 64);
    ASSERT_NE(memory, nullptr);
    EXPECT_TRUE(reads_as_zero(memory, 64));
}

TEST_P(Meta, ServesManyThreads)
{
    constexpr int THREADS = 4;
    constexpr int ROUNDS = 2000;
    std::vector<std::thread> threads;
    std::vector<std::vector<size_t *>> kept(THREADS);
    for (size_t number = 0; number < THREADS; number++) {
        threads.emplace_back([&, number] {
            for (int i = 0; i < ROUNDS; i++) {
                size_t *mine = static_cast<size_t *>(hak_i_meta_acquire(&meta, 256));
                *mine = number;
                if (i % 4 == 0) {
                    kept[number].push_back(mine);
                } else {
                    hak_i_meta_release(&meta, mine, 256);
                }
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    for (size_t number = 0; number < THREADS; number++) {
        for (const size_t *mine : kept[number]) {
            ASSERT_EQ(*mine, number);
        }
    }
}

TEST_P(MetaDeathTest, RefusesARecordOfAbsurdSize)
{
    EXPECT_DEATH(hak_i_meta_acquire(&meta, size_t{1} << 40), "hakmem: internal error: metadata record too large");
}
