// SPDX-License-Identifier: MIT
#include "base/bitmap.h"

#include <gtest/gtest.h>

#include <array>
#include <bitset>
#include <random>

namespace {

constexpr size_t BITS = 256;

/** The words beside a set that is changed bit by bit. */
class BaseBitmap : public testing::Test {
protected:
    void expect_same() const
    {
        for (size_t bit = 0; bit < BITS; bit++) {
            ASSERT_EQ(words[bit / 64] >> bit % 64 & 1, expected[bit]) << bit;
        }
    }

    size_t count(size_t first, size_t count) const
    {
        size_t set = 0;
        for (size_t bit = first; bit < first + count; bit++) {
            set += expected[bit];
        }
        return set;
    }

    void change(size_t first, size_t count, bool value)
    {
        for (size_t bit = first; bit < first + count; bit++) {
            expected[bit] = value;
        }
    }

    std::array<uint64_t, BITS / 64> words = {};
    std::bitset<BITS> expected;
};

} // namespace

TEST_F(BaseBitmap, AnEmptyRangeIsNothing)
{
    hak_bitmap_set(words.data(), 64, 0);
    EXPECT_EQ(hak_bitmap_clear(words.data(), 64, 0), 0u);
    EXPECT_EQ(hak_bitmap_count(words.data(), 64, 0), 0u);
    expect_same();
}

TEST_F(BaseBitmap, EveryRangeOfOneWordAndAcrossTwo)
{
    for (size_t first = 0; first < 128; first++) {
        for (size_t length = 1; length <= 128; length++) {
            hak_bitmap_set(words.data(), first, length);
            change(first, length, true);
            expect_same();
            EXPECT_EQ(hak_bitmap_clear(words.data(), first, length), length);
            change(first, length, false);
            expect_same();
        }
    }
}

TEST_F(BaseBitmap, RandomRangesOverEachOther)
{
    std::mt19937_64 random(7);
    for (int i = 0; i < 2000; i++) {
        size_t first = random() % BITS;
        size_t length = random() % (BITS - first) + 1;
        ASSERT_EQ(hak_bitmap_count(words.data(), first, length), count(first, length));
        if (random() % 2 == 0) {
            hak_bitmap_set(words.data(), first, length);
            change(first, length, true);
        } else {
            ASSERT_EQ(hak_bitmap_clear(words.data(), first, length), count(first, length));
            change(first, length, false);
        }
        expect_same();
    }
}
