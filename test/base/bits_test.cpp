// SPDX-License-Identifier: MIT
#include "base/bits.h"

#include <gtest/gtest.h>

#include <random>

namespace {

/** Words of every density, single bits and runs among them. */
std::vector<uint64_t> words()
{
    std::mt19937_64 random(1);
    std::vector<uint64_t> all{1, UINT64_MAX, 0x8000000000000000u, 0x5555555555555555u};
    for (unsigned bit = 0; bit < 64; bit++) {
        all.push_back(uint64_t{1} << bit);
        all.push_back(UINT64_MAX << bit);
        all.push_back(UINT64_MAX >> bit);
    }
    for (int i = 0; i < 1000; i++) {
        all.push_back(random() | 1);
        all.push_back((random() & random() & random()) | 2);
    }
    return all;
}

unsigned naive_count(uint64_t word)
{
    unsigned count = 0;
    for (unsigned bit = 0; bit < 64; bit++) {
        count += word >> bit & 1;
    }
    return count;
}

} // namespace

TEST(BaseBits, CountsBits)
{
    EXPECT_EQ(hak_bits_count(0), 0u);
    for (uint64_t word : words()) {
        EXPECT_EQ(hak_bits_count(word), naive_count(word)) << word;
    }
}

TEST(BaseBits, LowestAndHighestEncloseAllBits)
{
    for (uint64_t word : words()) {
        unsigned lowest = hak_bits_lowest(word);
        unsigned highest = hak_bits_highest(word);
        EXPECT_EQ(word >> lowest & 1, 1u);
        EXPECT_EQ(word >> highest, 1u);
        EXPECT_EQ(word & ((uint64_t{1} << lowest) - 1), 0u);
    }
}

TEST(BaseBits, RangeHoldsTheBitsFromFirstOn)
{
    for (unsigned first = 0; first < 64; first++) {
        for (unsigned count = 1; first + count <= 64; count++) {
            uint64_t range = hak_bits_range(first, count);
            EXPECT_EQ(naive_count(range), count);
            EXPECT_EQ(hak_bits_lowest(range), first);
            EXPECT_EQ(hak_bits_highest(range), first + count - 1);
        }
    }
}

TEST(BaseBits, RoundsToPowersOfTwo)
{
    EXPECT_EQ(hak_power_of_two_at_least(1), 1u);
    for (unsigned shift = 1; shift < 63; shift++) {
        size_t power = size_t{1} << shift;
        EXPECT_EQ(hak_power_of_two_at_least(power), power);
        EXPECT_EQ(hak_power_of_two_at_least(power + 1), 2 * power);
        EXPECT_EQ(hak_power_of_two_at_least(power - 1), shift == 1 ? 1 : power);
    }
    EXPECT_EQ(hak_power_of_two_at_least(size_t{1} << 63), size_t{1} << 63);
}

TEST(BaseBits, KnowsPowersOfTwo)
{
    EXPECT_FALSE(hak_is_power_of_two(0));
    for (uint64_t word : words()) {
        EXPECT_EQ(hak_is_power_of_two(word), naive_count(word) == 1);
    }
}

TEST(BaseBits, RoundsToAGranule)
{
    for (size_t granule = 1; granule <= 1 << 20; granule *= 2) {
        for (size_t value : {size_t{0}, size_t{1}, granule - 1, granule, granule + 1, 7 * granule - 1}) {
            EXPECT_EQ(hak_round_down(value, granule), value / granule * granule);
            EXPECT_EQ(hak_round_up(value, granule), (value + granule - 1) / granule * granule);
        }
    }
}
