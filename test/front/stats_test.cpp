// SPDX-License-Identifier: MIT
// Statistics, whose parts add up to the byte, and options.
#include "all_kinds.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <string>
#include <thread>

using namespace hak_test;

namespace {

uint64_t usable_sum(const std::vector<void *> &blocks)
{
    uint64_t sum = 0;
    for (void *block : blocks) {
        sum += hak_usable_size(block);
    }
    return sum;
}

std::string option(const char *name)
{
    char buffer[64];
    return hak_option_get(name, buffer, sizeof buffer) == 0 ? buffer : "(none)";
}

} // namespace

TEST(FrontStats, LiveIsWhatTheProgramHolds)
{
    hak_stats before = statistics();
    std::vector<void *> blocks = blocks_of_all_kinds();
    hak_stats held = statistics();
    EXPECT_EQ(held.live_bytes, before.live_bytes + usable_sum(blocks));
    EXPECT_EQ(held.live_blocks, before.live_blocks + blocks.size());
    while (blocks.size() > 20) {
        size_t half = blocks.size() / 2;
        hak_free_batch(blocks.data() + half, blocks.size() - half);
        blocks.resize(half);
        EXPECT_EQ(statistics().live_bytes, before.live_bytes + usable_sum(blocks));
        EXPECT_EQ(statistics().live_blocks, before.live_blocks + blocks.size());
    }
    hak_free_batch(blocks.data(), blocks.size());
    EXPECT_EQ(statistics().live_bytes, before.live_bytes);
    EXPECT_EQ(statistics().live_blocks, before.live_blocks);
}

TEST(FrontStats, LiveFollowsRealloc)
{
    uint64_t before = statistics().live_bytes;
    void *block = nullptr;
    for (size_t size :
         {size_t{1}, size_t{500}, 5 * KiB, 40 * KiB, 90 * KiB, 500 * KiB, 6 * MiB, 2 * MiB, 100 * KiB, size_t{8}}) {
        block = hak_realloc(block, size);
        EXPECT_EQ(statistics().live_bytes, before + hak_usable_size(block)) << size;
    }
    hak_free(block);
    EXPECT_EQ(statistics().live_bytes, before);
}

TEST(FrontStats, LargeIsThePartBeyondThePool)
{
    hak_stats before = statistics();
    void *small = hak_alloc(1000);
    EXPECT_EQ(statistics().large_bytes, before.large_bytes);
    void *large = hak_alloc(20 * MiB);
    EXPECT_EQ(statistics().large_bytes, before.large_bytes + hak_usable_size(large));
    hak_free(large);
    EXPECT_EQ(statistics().large_bytes, before.large_bytes);
    hak_free(small);
}

TEST(FrontStats, CountsSystemCallsByKind)
{
    hak_free(hak_alloc(1));
    hak_purge(nullptr);
    hak_stats before = statistics();
    EXPECT_GE(before.os_reserve_calls, 1u);
    EXPECT_GE(before.os_advise_calls, 1u);
    std::vector<void *> blocks;
    while (statistics().committed_bytes == before.committed_bytes) {
        blocks.push_back(hak_alloc(64 * MiB));
        ASSERT_NE(blocks.back(), nullptr);
    }
    EXPECT_GT(statistics().os_commit_calls, before.os_commit_calls);
    hak_free_batch(blocks.data(), blocks.size());
    hak_purge(nullptr);
    EXPECT_GT(statistics().os_purge_calls, before.os_purge_calls);
    void *block = hak_alloc(1 * MiB);
    void *wall = hak_alloc(1 * MiB);
    ASSERT_EQ(static_cast<char *>(block) + 1 * MiB, wall);
    block = hak_realloc(block, 5 * MiB);
    EXPECT_EQ(statistics().os_remap_calls, before.os_remap_calls + 1);
    hak_free(block);
    hak_free(wall);
}

TEST(FrontStats, LiveIsExactAfterFreesOnOtherThreads)
{
    hak_stats before = statistics();
    std::vector<void *> blocks = blocks_of_all_kinds();
    std::thread([&] {
        hak_free_batch(blocks.data(), blocks.size());
        EXPECT_EQ(statistics().live_bytes, before.live_bytes);
        EXPECT_EQ(statistics().live_blocks, before.live_blocks);
    }).join();
    EXPECT_EQ(statistics().live_bytes, before.live_bytes);
}

TEST(FrontStats, FillsInNoMoreThanTheCallersStruct)
{
    constexpr unsigned char CANARY = 0x77;
    unsigned char small[sizeof(hak_stats)];
    memset(small, CANARY, sizeof small);
    size_t size = offsetof(hak_stats, cached_bytes);
    memcpy(small, &size, sizeof size);
    void *block = hak_alloc(100);
    ASSERT_EQ(hak_stats_get(reinterpret_cast<hak_stats *>(small)), 0);
    uint64_t live;
    memcpy(&live, small + offsetof(hak_stats, live_bytes), sizeof live);
    EXPECT_EQ(live, statistics().live_bytes);
    for (size_t i = size; i < sizeof small; i++) {
        ASSERT_EQ(small[i], CANARY) << i;
    }
    hak_free(block);
}

TEST(FrontStats, LeavesFieldsOfALaterStructZero)
{
    struct {
        hak_stats known;
        uint64_t later[8];
    } snapshot;
    memset(&snapshot, 0xff, sizeof snapshot);
    snapshot.known.size = sizeof snapshot;
    ASSERT_EQ(hak_stats_get(&snapshot.known), 0);
    EXPECT_EQ(snapshot.known.committed_bytes, statistics().committed_bytes);
    EXPECT_TRUE(is_zero(snapshot.later, sizeof snapshot.later));
}

TEST(FrontStats, RefusesAnImpossibleSize)
{
    hak_stats stats = {};
    EXPECT_EQ(hak_stats_get(&stats), EINVAL);
    stats.size = sizeof(size_t) - 1;
    EXPECT_EQ(hak_stats_get(&stats), EINVAL);
}

TEST(FrontStats, CountsHeapsAndRemoteFrees)
{
    std::vector<void *> blocks(2000);
    ASSERT_EQ(hak_alloc_batch(64, blocks.size(), blocks.data()), blocks.size());
    hak_stats before = statistics();
    std::thread([&] {
        hak_free(hak_alloc(64));
        EXPECT_GT(statistics().heap_claims, before.heap_claims);
        hak_free_batch(blocks.data(), blocks.size());
    }).join();
    hak_stats after = statistics();
    EXPECT_EQ(after.remote_frees, before.remote_frees + blocks.size());
    EXPECT_GT(after.remote_publications, before.remote_publications);
    EXPECT_LE((after.remote_publications - before.remote_publications) * 8, blocks.size());
    EXPECT_GE(after.idle_heaps, 1u);
}

TEST(FrontStats, CountsThePagesHandedOutStillWritten)
{
    const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    hak_purge(nullptr);
    uint64_t before = statistics().page_faults_saved;
    auto use = [](size_t size, size_t count) {
        std::vector<void *> blocks(count);
        ASSERT_EQ(hak_alloc_batch(size, count, blocks.data()), count);
        for (void *block : blocks) {
            memset(block, 1, size);
        }
        hak_free_batch(blocks.data(), count);
    };
    use(2 * MiB, 3);
    EXPECT_EQ(statistics().page_faults_saved, before) << "fresh memory saves nothing";
    use(2 * MiB, 3);
    EXPECT_EQ(statistics().page_faults_saved, before + 6 * MiB / page) << "from BigCache";
    use(5 * MiB, 1);
    EXPECT_EQ(statistics().page_faults_saved, before + 11 * MiB / page) << "from BigCache's spans, joined";
    hak_purge(nullptr);
    use(2 * MiB, 3);
    EXPECT_EQ(statistics().page_faults_saved, before + 11 * MiB / page) << "what was given back saves nothing";
}

TEST(FrontStats, EstimatesWhatWasNotAskedFor)
{
    constexpr size_t COUNT = 20000;
    for (auto [asked, least, most] :
         {std::array<size_t, 3>{1100, 170, 190}, {2048, 0, 0}, {300 * KiB + 1, 3500, 4200}}) {
        size_t count = asked > 100 * KiB ? 1000 : COUNT;
        std::vector<void *> blocks(count);
        uint64_t before = statistics().round_up_bytes;
        ASSERT_EQ(hak_alloc_batch(asked, count, blocks.data()), count);
        uint64_t estimated = statistics().round_up_bytes - before;
        EXPECT_GE(estimated, least * count) << asked;
        EXPECT_LE(estimated, most * count + 1000) << asked;
        hak_free_batch(blocks.data(), count);
        EXPECT_LE(statistics().round_up_bytes, before + 1000) << asked;
    }
}

TEST(FrontStats, EstimatesFromTheLatestRequests)
{
    constexpr size_t COUNT = 30000;
    std::vector<void *> blocks(COUNT);
    for (size_t asked : {1100, 1280}) {
        ASSERT_EQ(hak_alloc_batch(asked, COUNT, blocks.data()), COUNT);
        uint64_t estimated = statistics().round_up_bytes;
        hak_free_batch(blocks.data(), COUNT);
        if (asked == 1100) {
            EXPECT_GE(estimated, 170 * COUNT);
        } else {
            EXPECT_LE(estimated, 20 * COUNT);
        }
    }
}

TEST(FrontStats, EstimatesNothingWhereThreadsAskForWholeUnits)
{
    auto ask = [](int times) {
        for (int i = 0; i < times; i++) {
            hak_free(hak_alloc(100 * MiB));
        }
    };
    ask(100); // older requests weigh nothing
    void *held = hak_alloc(100 * MiB);
    uint64_t before = statistics().round_up_bytes;
    std::atomic<int> running{8};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; i++) {
        threads.emplace_back([&] {
            ask(2000);
            running--;
        });
    }
    while (running != 0) {
        EXPECT_EQ(statistics().round_up_bytes, before);
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(statistics().round_up_bytes, before);
    hak_free(held);
}

TEST(FrontOptions, TellAndTakeValues)
{
    const std::string given = option("dirty_percent");
    EXPECT_NE(given, "(none)");
    EXPECT_EQ(hak_option_set("dirty_percent", "31"), 0);
    EXPECT_EQ(option("dirty_percent"), "31");
    EXPECT_EQ(hak_option_set("dirty_percent", given.c_str()), 0);
    EXPECT_EQ(option("dirty_percent"), given);
}

TEST(FrontOptions, RefuseBadValues)
{
    const std::string given = option("dirty_percent");
    for (const char *bad : {"", "x", "-2", "25x", "99999999999999999999999", " 25"}) {
        EXPECT_EQ(hak_option_set("dirty_percent", bad), EINVAL) << '"' << bad << '"';
        EXPECT_EQ(option("dirty_percent"), given);
    }
    EXPECT_EQ(hak_option_set("check", "perhaps"), EINVAL);
}

TEST(FrontOptions, RefuseUnknownNames)
{
    char buffer[64];
    for (const char *name : {"", "no_such_option", "DIRTY_PERCENT", "HAKMEM_DIRTY_PERCENT", "dirty_percent "}) {
        EXPECT_EQ(hak_option_set(name, "1"), ENOENT) << name;
        EXPECT_EQ(hak_option_get(name, buffer, sizeof buffer), ENOENT) << name;
    }
}

TEST(FrontOptions, NeedRoomForTheValueAndItsEnd)
{
    size_t length = option("dirty_percent").size();
    char buffer[64];
    for (size_t size = 0; size <= length; size++) {
        memset(buffer, 'x', sizeof buffer);
        EXPECT_EQ(hak_option_get("dirty_percent", buffer, size), EINVAL) << size;
        EXPECT_EQ(buffer[size], 'x');
    }
    EXPECT_EQ(hak_option_get("dirty_percent", buffer, length + 1), 0);
    EXPECT_EQ(buffer[length + 1], 'x');
}

TEST(FrontOptions, KeepWhatTheFirstAllocationFixed)
{
    hak_free(hak_alloc(1));
    const std::string given = option("arena_mb_init");
    EXPECT_EQ(hak_option_set("arena_mb_init", given == "2" ? "4" : "2"), EPERM);
    EXPECT_EQ(option("arena_mb_init"), given);
}
