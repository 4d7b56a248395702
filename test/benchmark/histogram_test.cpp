// SPDX-License-Identifier: MIT
// What the benchmark of latencies counts its times in.
#include "histogram.hpp"

#include <gtest/gtest.h>

namespace {

Histogram of(std::initializer_list<std::uint64_t> times)
{
    Histogram histogram;
    for (std::uint64_t ticks : times) {
        histogram.add(ticks);
    }
    return histogram;
}

TEST(BenchmarkHistogram, AQuantileIsWhatThatShareDoesNotExceed)
{
    Histogram histogram;
    for (std::uint64_t ticks = 1; ticks <= 500; ticks++) {
        histogram.add(ticks);
    }
    EXPECT_EQ(histogram.total(), 500u);
    EXPECT_EQ(histogram.quantile(0.5), 250u);
    EXPECT_EQ(histogram.quantile(0.9), 450u);
    EXPECT_EQ(histogram.quantile(0.998), 499u);
    EXPECT_EQ(histogram.quantile(1), 500u);
    EXPECT_EQ(Histogram().quantile(0.5), 0u);
}

TEST(BenchmarkHistogram, LongTimesAreRoundedDownByLessThanA256th)
{
    for (std::uint64_t ticks = 0; ticks < std::uint64_t{1} << 39; ticks = ticks * 17 / 16 + 1) {
        std::uint64_t told = of({ticks}).quantile(1);
        EXPECT_LE(told, ticks);
        EXPECT_LE((ticks - told) * 256, ticks < 512 ? 0 : ticks) << ticks;
    }
    EXPECT_GE(of({~std::uint64_t{0}}).quantile(1), std::uint64_t{1} << 39) << "longer ones are still told as long";
}

TEST(BenchmarkHistogram, AddsAnotherUp)
{
    Histogram sum = of({1, 1, 1, 1000});
    sum += of({7, 1000});
    EXPECT_EQ(sum.total(), 6u);
    EXPECT_EQ(sum.quantile(4 / 6.0), 7u);
    EXPECT_EQ(sum.quantile(0.5), 1u);
}

TEST(BenchmarkHistogram, KnowsTheStepOfItsClock)
{
    EXPECT_EQ(of({40, 44, 44, 50, 46}).step(), 2u);
    EXPECT_EQ(of({40, 40}).step(), 0u);
}

} // namespace
