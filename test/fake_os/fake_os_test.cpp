// SPDX-License-Identifier: MIT
// The fake is what the other suites trust, so it is held to the same contract as the real box, and to its own.
#include "fake_os/fake_os.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace {

constexpr size_t KiB = 1024;
constexpr size_t MiB = 1024 * KiB;

class FakeOs : public testing::Test {
protected:
    void SetUp() override { fake_os::reset(); }
    void TearDown() override { fake_os::reset(); }
};

using FakeOsDeathTest = FakeOs;

uintptr_t address_of(const void *memory)
{
    return reinterpret_cast<uintptr_t>(memory);
}

std::vector<bool> commit_answers(size_t count)
{
    char *memory = static_cast<char *>(hak_i_os_reserve(count * 4 * KiB));
    std::vector<bool> answers;
    for (size_t i = 0; i < count; i++) {
        answers.push_back(hak_i_os_commit(memory + i * 4 * KiB, 4 * KiB));
    }
    return answers;
}

} // namespace

TEST_F(FakeOs, FailsTheNthCallAlone)
{
    fake_os::fail_once(3); // the reservation is the first call
    EXPECT_EQ(commit_answers(4), (std::vector<bool>{true, false, true, true}));
    EXPECT_EQ(fake_os::failures(), 1u);
    EXPECT_EQ(hak_i_os_failed_calls(), 1u);
}

TEST_F(FakeOs, FailsTheNthCallOfAKind)
{
    fake_os::fail_once(1, HAK_OS_COMMIT);
    EXPECT_EQ(commit_answers(3), (std::vector<bool>{false, true, true}));
}

TEST_F(FakeOs, FailsFromTheNthCallOn)
{
    fake_os::fail_from(3, HAK_OS_COMMIT);
    EXPECT_EQ(commit_answers(4), (std::vector<bool>{true, true, false, false}));
    fake_os::fail_never();
    EXPECT_EQ(commit_answers(2), (std::vector<bool>{true, true}));
}

TEST_F(FakeOs, FailsAtRandomTheSameWayForTheSameSeed)
{
    fake_os::fail_percent(50, 7, HAK_OS_COMMIT);
    std::vector<bool> first = commit_answers(100);
    fake_os::fail_percent(50, 7, HAK_OS_COMMIT);
    EXPECT_EQ(commit_answers(100), first);
    EXPECT_GT(std::count(first.begin(), first.end(), true), 20);
    EXPECT_GT(std::count(first.begin(), first.end(), false), 20);
}

TEST_F(FakeOs, RunsAScenarioOncePerCall)
{
    size_t runs = 0;
    size_t failing = fake_os::fail_each_call([&] {
        runs++;
        void *memory = hak_i_os_reserve(8 * KiB);
        if (memory != nullptr) {
            hak_i_os_commit(memory, 8 * KiB);
        }
    });
    EXPECT_EQ(failing, 2u);
    EXPECT_EQ(runs, 3u);
}

TEST_F(FakeOs, RecordsWhatWasAsked)
{
    void *memory = hak_i_os_reserve(2 * MiB);
    ASSERT_TRUE(hak_i_os_commit(memory, MiB));
    ASSERT_TRUE(hak_i_os_purge(memory, 64 * KiB));
    std::vector<fake_os::Call> purges = fake_os::calls(HAK_OS_PURGE);
    ASSERT_EQ(purges.size(), 1u);
    EXPECT_EQ(purges[0].address, address_of(memory));
    EXPECT_EQ(purges[0].bytes, 64 * KiB);
    EXPECT_TRUE(purges[0].done);
    EXPECT_EQ(fake_os::calls().size(), 3u);
    EXPECT_EQ(hak_i_os_calls(HAK_OS_COMMIT), 1u);
    fake_os::forget_calls();
    EXPECT_TRUE(fake_os::calls().empty());
}

TEST_F(FakeOs, KnowsWhatIsCommitted)
{
    void *memory = hak_i_os_reserve(MiB);
    uintptr_t start = address_of(memory);
    ASSERT_TRUE(hak_i_os_commit(memory, 64 * KiB));
    ASSERT_TRUE(hak_i_os_commit(static_cast<char *>(memory) + 64 * KiB, 64 * KiB));
    EXPECT_TRUE(fake_os::is_committed(start, 128 * KiB));
    EXPECT_FALSE(fake_os::is_committed(start, 132 * KiB));
    EXPECT_EQ(fake_os::mapped_bytes(), MiB);
    hak_i_os_release(memory, MiB);
    EXPECT_FALSE(fake_os::is_committed(start, 4 * KiB));
    EXPECT_EQ(fake_os::mapped_bytes(), 0u);
}

TEST_F(FakeOs, PurgedMemoryReadsAsZero)
{
    char *memory = static_cast<char *>(hak_i_os_map(64 * KiB));
    memset(memory, 1, 64 * KiB);
    ASSERT_TRUE(hak_i_os_purge(memory, 64 * KiB));
    EXPECT_EQ(std::count(memory, memory + 64 * KiB, 0), 64 * static_cast<long>(KiB));
}

TEST_F(FakeOs, MovesContentAndLeavesZeros)
{
    char *from = static_cast<char *>(hak_i_os_map(64 * KiB));
    char *to = static_cast<char *>(hak_i_os_map(64 * KiB));
    memset(from, 1, 64 * KiB);
    ASSERT_EQ(hak_i_os_move(from, to, 64 * KiB), HAK_OS_DONE);
    EXPECT_EQ(std::count(from, from + 64 * KiB, 0), 64 * static_cast<long>(KiB));
    EXPECT_EQ(std::count(to, to + 64 * KiB, 1), 64 * static_cast<long>(KiB));
}

TEST_F(FakeOs, ARefusedMoveKeepsTheSource)
{
    char *from = static_cast<char *>(hak_i_os_map(64 * KiB));
    char *to = static_cast<char *>(hak_i_os_map(64 * KiB));
    memset(from, 1, 64 * KiB);
    fake_os::refuse_moves(1, HAK_OS_NO_MEMORY);
    EXPECT_EQ(hak_i_os_move(from, to, 64 * KiB), HAK_OS_NO_MEMORY);
    EXPECT_TRUE(fake_os::is_committed(address_of(to), 64 * KiB));
    fake_os::refuse_moves(1, HAK_OS_TAKEN);
    EXPECT_EQ(hak_i_os_move(from, to, 64 * KiB), HAK_OS_TAKEN);
    EXPECT_FALSE(fake_os::is_committed(address_of(to), 64 * KiB));
    EXPECT_EQ(std::count(from, from + 64 * KiB, 1), 64 * static_cast<long>(KiB));
}

TEST_F(FakeOs, PlaysLargerPages)
{
    for (size_t page : {16 * KiB, 64 * KiB}) {
        fake_os::set_page_bytes(page);
        EXPECT_EQ(hak_i_os_page_bytes(), page);
        for (int i = 0; i < 8; i++) {
            EXPECT_EQ(address_of(hak_i_os_reserve(page)) % page, 0u);
        }
    }
}

TEST_F(FakeOs, HoldsTheAddressLimit)
{
    fake_os::set_address_limit_bytes(MiB);
    EXPECT_EQ(hak_i_os_address_limit_bytes(), MiB);
    EXPECT_EQ(hak_i_os_reserve(2 * MiB), nullptr);
    void *memory = hak_i_os_reserve(768 * KiB);
    EXPECT_NE(memory, nullptr);
    EXPECT_EQ(hak_i_os_map(512 * KiB), nullptr);
    hak_i_os_release(memory, 768 * KiB);
    EXPECT_NE(hak_i_os_map(512 * KiB), nullptr);
}

TEST_F(FakeOs, TakesPlaces)
{
    void *memory = hak_i_os_reserve(MiB);
    hak_i_os_release(memory, MiB);
    fake_os::take_places(1);
    EXPECT_EQ(hak_i_os_map_at(memory, MiB), HAK_OS_TAKEN);
    EXPECT_EQ(hak_i_os_map_at(memory, MiB), HAK_OS_DONE);
}

TEST_F(FakeOs, RunsTheClockOnlyWhenTold)
{
    uint64_t before = hak_i_os_now_ms();
    EXPECT_EQ(hak_i_os_now_ms(), before);
    fake_os::advance_ms(1500);
    EXPECT_EQ(hak_i_os_now_ms(), before + 1500);
}

TEST_F(FakeOs, FencesThreadsUnlessToldNotTo)
{
    EXPECT_TRUE(hak_i_os_fence_threads());
    fake_os::refuse_fences();
    EXPECT_FALSE(hak_i_os_fence_threads());
    fake_os::reset();
    EXPECT_TRUE(hak_i_os_fence_threads());
}

TEST_F(FakeOs, IsPrivilegedWhenTold)
{
    EXPECT_FALSE(hak_i_os_is_privileged());
    fake_os::set_privileged(true);
    EXPECT_TRUE(hak_i_os_is_privileged());
}

TEST_F(FakeOsDeathTest, StopsWhereARuleIsBroken)
{
    char *memory = static_cast<char *>(hak_i_os_reserve(MiB));
    ASSERT_TRUE(hak_i_os_commit(memory, 64 * KiB));
    EXPECT_DEATH(hak_i_os_commit(memory, 100), "no multiple of the page");
    EXPECT_DEATH(hak_i_os_commit(memory + MiB, 4 * KiB), "committed outside a reservation");
    EXPECT_DEATH(hak_i_os_purge(memory + 60 * KiB, 8 * KiB), "purged outside committed memory");
    EXPECT_DEATH(hak_i_os_release(memory + MiB, 4 * KiB), "released what was not mapped");
    EXPECT_DEATH(hak_i_os_map_at(memory, 4 * KiB), "mapped over a mapping of ours");
    EXPECT_DEATH(hak_i_os_move(memory, memory + MiB, 4 * KiB), "moved to outside committed memory");
}
