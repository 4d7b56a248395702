// SPDX-License-Identifier: MIT
#include "registry/registry.h"

#include "fake_os/fake_os.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <thread>

namespace {

constexpr size_t KiB = 1024;
constexpr size_t MiB = 1024 * KiB;
constexpr size_t GiB = 1024 * MiB;
constexpr size_t TiB = 1024 * GiB;

class Registry : public testing::Test {
protected:
    void SetUp() override { fake_os::reset(); }
    void TearDown() override { fake_os::reset(); }

    bool init()
    {
        *registry = hak_registry{};
        return hak_i_registry_init(registry.get());
    }

    size_t range_bytes() const { return registry->units * HAK_UNIT_BYTES; }
    size_t unit_of(uintptr_t address) const { return hak_i_registry_unit(registry.get(), address); }
    uintptr_t end() const { return registry->base + range_bytes(); }

    void expect_usable(size_t unit)
    {
        ASSERT_TRUE(hak_i_registry_cover(registry.get(), unit, 1));
        hak_i_registry_set_record(registry.get(), unit, this);
        hak_i_registry_set_id(registry.get(), unit, 42);
        EXPECT_EQ(hak_i_registry_id(registry.get(), unit), 42u);
        EXPECT_EQ(hak_i_registry_record(registry.get(), unit), this);
    }

    std::unique_ptr<hak_registry> registry = std::make_unique<hak_registry>();
};

constexpr size_t UNITS_PER_PIECE = 1 << 14;

} // namespace

TEST_F(Registry, ReservesThePowerOfTwoAtOrAboveTwiceThePhysicalMemory)
{
    const std::pair<size_t, size_t> expected[] = {
        {64 * MiB, 128 * MiB}, {65 * MiB, 256 * MiB}, {3 * GiB, 8 * GiB}, {4 * GiB, 8 * GiB}, {64 * TiB, 16 * TiB}};
    for (auto [physical, range] : expected) {
        fake_os::reset();
        fake_os::set_physical_bytes(physical);
        ASSERT_TRUE(init());
        EXPECT_EQ(fake_os::calls()[0].bytes, range + HAK_RANGE_ALIGNMENT);
        EXPECT_TRUE(registry->reserved);
        EXPECT_EQ(registry->base % HAK_RANGE_ALIGNMENT, 0u); // R1
        EXPECT_EQ(registry->reserved_bytes, fake_os::mapped_bytes());
        EXPECT_EQ(registry->committed_bytes, 0u);
    }
}

TEST_F(Registry, ReservesTheWholeRange)
{
    ASSERT_TRUE(init());
    fake_os::Call range = fake_os::calls(HAK_OS_RESERVE)[0];
    EXPECT_GE(registry->base, range.address);
    EXPECT_LE(end(), range.address + range.bytes);
}

TEST_F(Registry, HalvesTheRangeUntilItIsGranted)
{
    fake_os::set_physical_bytes(GiB);
    ASSERT_TRUE(init());
    size_t full = range_bytes();
    size_t halves = 0;
    for (size_t n = 1;; n++) {
        fake_os::reset();
        fake_os::set_physical_bytes(GiB);
        fake_os::fail_once(n);
        ASSERT_TRUE(init());
        if (fake_os::failures() == 0) {
            break;
        }
        halves++;
        EXPECT_EQ(range_bytes(), full / 2);
        EXPECT_EQ(registry->reserved_bytes, fake_os::mapped_bytes());
        expect_usable(registry->units - 1);
    }
    EXPECT_EQ(halves, 2u);
}

TEST_F(Registry, SaysNoWhenNotEvenTheSmallestRangeIsGranted)
{
    fake_os::fail_from(1);
    EXPECT_FALSE(init());
    EXPECT_EQ(fake_os::mapped_bytes(), 0u);
    size_t asked_least = SIZE_MAX;
    for (const fake_os::Call &call : fake_os::calls(HAK_OS_RESERVE)) {
        asked_least = std::min(asked_least, call.bytes);
    }
    EXPECT_EQ(asked_least, 2 * HAK_RANGE_ALIGNMENT);
    fake_os::fail_never();
    EXPECT_TRUE(init());
}

TEST_F(Registry, CountsTheUnitsFromTheBase)
{
    ASSERT_TRUE(init());
    for (size_t unit : {size_t{0}, size_t{1}, registry->units / 2, registry->units - 1}) {
        uintptr_t address = hak_i_registry_address(registry.get(), unit);
        EXPECT_EQ(address, registry->base + unit * 16 * KiB);
        EXPECT_EQ(unit_of(address), unit);
        EXPECT_EQ(unit_of(address + HAK_UNIT_BYTES - 1), unit);
    }
}

TEST_F(Registry, PutsEveryOtherAddressAboveItsUnits)
{
    ASSERT_TRUE(init());
    for (uint64_t address :
         {uint64_t{0}, uint64_t{1}, uint64_t{0xfff}, registry->base - 1, registry->base - HAK_UNIT_BYTES, end(),
          end() + 1, end() + 16 * TiB, uint64_t{1} << 47, (uint64_t{1} << 47) - 1, uint64_t{1} << 63, UINT64_MAX,
          UINT64_MAX - 16383, registry->base + (uint64_t{1} << 48), registry->base | (uint64_t{1} << 63),
          ~registry->base}) {
        EXPECT_GE(unit_of(address), registry->units) << std::hex << address;
    }
    std::mt19937_64 random(1);
    for (int i = 0; i < 100000; i++) {
        uint64_t address = random() >> random() % 64;
        bool inside = address >= registry->base && address < end();
        ASSERT_EQ(unit_of(address) < registry->units, inside) << std::hex << address;
    }
}

TEST_F(Registry, ReadsAsNothingBeforeItIsCovered)
{
    ASSERT_TRUE(init());
    for (size_t unit = 0; unit < registry->units; unit++) {
        ASSERT_EQ(hak_i_registry_id(registry.get(), unit), 0u);
        ASSERT_EQ(hak_i_registry_record(registry.get(), unit), nullptr);
    }
}

TEST_F(Registry, CoversWhatItIsAskedFor)
{
    fake_os::set_physical_bytes(GiB);
    ASSERT_TRUE(init());
    ASSERT_EQ(registry->units, 8 * UNITS_PER_PIECE);
    ASSERT_TRUE(hak_i_registry_cover(registry.get(), 3 * UNITS_PER_PIECE - 1, UNITS_PER_PIECE + 2));
    uintptr_t ids = reinterpret_cast<uintptr_t>(registry->ids);
    uintptr_t records = reinterpret_cast<uintptr_t>(registry->records);
    for (size_t piece = 0; piece < 8; piece++) {
        bool expected = piece >= 2 && piece <= 4;
        EXPECT_EQ(fake_os::is_committed(ids + piece * UNITS_PER_PIECE * 4, UNITS_PER_PIECE * 4), expected);
        EXPECT_EQ(fake_os::is_committed(records + piece * UNITS_PER_PIECE * 8, UNITS_PER_PIECE * 8), expected);
    }
    EXPECT_EQ(registry->committed_bytes, 3 * UNITS_PER_PIECE * 12);
    EXPECT_EQ(hak_i_registry_pieces(registry.get()), 3u);
    expect_usable(3 * UNITS_PER_PIECE - 1);
    expect_usable(4 * UNITS_PER_PIECE);
}

TEST_F(Registry, CoversEachPieceOnce)
{
    ASSERT_TRUE(init());
    ASSERT_TRUE(hak_i_registry_cover(registry.get(), 0, registry->units));
    fake_os::forget_calls();
    ASSERT_TRUE(hak_i_registry_cover(registry.get(), 0, registry->units));
    ASSERT_TRUE(hak_i_registry_cover(registry.get(), 7, 1));
    EXPECT_TRUE(fake_os::calls().empty());
}

TEST_F(Registry, SaysNoWhenAPieceCannotBeCoveredAndCoversItLater)
{
    size_t failing = fake_os::fail_each_call([this] {
        fake_os::set_physical_bytes(GiB);
        ASSERT_TRUE(init());
        bool covered = hak_i_registry_cover(registry.get(), UNITS_PER_PIECE - 1, 2);
        size_t commits_failed = 0;
        for (const fake_os::Call &call : fake_os::calls(HAK_OS_COMMIT)) {
            commits_failed += !call.done;
        }
        EXPECT_EQ(covered, commits_failed == 0);
        expect_usable(UNITS_PER_PIECE - 1);
        expect_usable(UNITS_PER_PIECE);
        EXPECT_EQ(registry->committed_bytes, 2 * UNITS_PER_PIECE * 12);
    });
    EXPECT_EQ(failing, 6u);
}

TEST_F(Registry, CoversOnLargePages)
{
    for (size_t page : {16 * KiB, 64 * KiB}) {
        for (size_t physical : {4 * MiB, 64 * MiB, GiB}) {
            fake_os::reset();
            fake_os::set_page_bytes(page);
            fake_os::set_physical_bytes(physical);
            ASSERT_TRUE(init());
            ASSERT_TRUE(hak_i_registry_cover(registry.get(), 0, registry->units));
            expect_usable(0);
            expect_usable(registry->units - 1);
        }
    }
}

TEST_F(Registry, CoversFromManyThreads)
{
    fake_os::set_physical_bytes(4 * GiB);
    ASSERT_TRUE(init());
    std::vector<std::thread> threads;
    for (uint32_t number = 0; number < 4; number++) {
        threads.emplace_back([&, number] {
            for (size_t unit = number; unit < registry->units; unit += 1024) {
                ASSERT_TRUE(hak_i_registry_cover(registry.get(), unit, 1));
                hak_i_registry_set_id(registry.get(), unit, number + 1);
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(registry->committed_bytes, registry->units * 12);
    for (size_t unit = 0; unit < registry->units; unit++) {
        ASSERT_EQ(hak_i_registry_id(registry.get(), unit), unit % 1024 < 4 ? unit % 1024 + 1 : 0);
    }
}

/** Whether all of it was named so. */
bool is_named(uintptr_t address, size_t bytes, const char *name)
{
    std::vector<fake_os::Call> names = fake_os::calls(HAK_OS_NAME);
    return std::any_of(names.begin(), names.end(), [&](const fake_os::Call &call) {
        return call.name == name && call.address <= address && address + bytes <= call.address + call.bytes;
    });
}

TEST_F(Registry, NamesWhatItReserves)
{
    for (size_t limit : {SIZE_MAX, 100 * MiB}) {
        fake_os::reset();
        fake_os::set_address_limit_bytes(limit);
        ASSERT_TRUE(init());
        EXPECT_LE(fake_os::calls(HAK_OS_NAME).size(), 2u);
        EXPECT_TRUE(is_named(reinterpret_cast<uintptr_t>(registry->ids), registry->units * 12, "hakmem heap"));
        if (registry->reserved) {
            EXPECT_TRUE(is_named(registry->base, range_bytes(), "hakmem heap"));
        }
    }
}

TEST_F(Registry, ReservesOnlyTablesUnderAnAddressLimit)
{
    for (size_t limit : {MiB, 16 * MiB, 100 * MiB, GiB, 20 * TiB}) {
        fake_os::reset();
        fake_os::set_address_limit_bytes(limit);
        ASSERT_TRUE(init());
        EXPECT_FALSE(registry->reserved);
        EXPECT_EQ(registry->base % HAK_RANGE_ALIGNMENT, 0u);
        EXPECT_GE(range_bytes(), std::min(limit, 16 * TiB));
        EXPECT_LT(range_bytes(), limit + HAK_RANGE_ALIGNMENT);
        EXPECT_EQ(fake_os::mapped_bytes(), registry->reserved_bytes);
        EXPECT_EQ(fake_os::calls().size() - fake_os::calls(HAK_OS_NAME).size(), 1u);
        EXPECT_GE(fake_os::mapped_bytes(), registry->units * 12);
        expect_usable(registry->units - 1);
    }
}

TEST_F(Registry, PutsTheRangeWhereNoTableIsUnderAnAddressLimit)
{
    fake_os::set_address_limit_bytes(256 * MiB);
    ASSERT_TRUE(init());
    EXPECT_GE(unit_of(reinterpret_cast<uintptr_t>(registry->ids)), registry->units);
    EXPECT_GE(unit_of(reinterpret_cast<uintptr_t>(registry->records)), registry->units);
    EXPECT_LT(end(), uint64_t{1} << 47);
    EXPECT_EQ(hak_i_os_map_at(reinterpret_cast<void *>(registry->base), MiB), HAK_OS_DONE);
}

TEST_F(Registry, SaysNoWithoutRoomForTables)
{
    fake_os::set_address_limit_bytes(256 * MiB);
    fake_os::fail_once(1);
    EXPECT_FALSE(init());
    EXPECT_EQ(fake_os::mapped_bytes(), 0u);
    EXPECT_TRUE(init());
}
