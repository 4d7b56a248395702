// SPDX-License-Identifier: MIT
#ifndef HAKMEM_BENCHMARK_HISTOGRAM_HPP
#define HAKMEM_BENCHMARK_HISTOGRAM_HPP

#include <array>
#include <cstddef>
#include <cstdint>

/// How often which number of ticks was seen: exact below 512, from there on by 256 steps a doubling.
class Histogram {
public:
    void add(std::uint64_t ticks) { ++counts_[bin_of(ticks)]; }
    Histogram &operator+=(const Histogram &other);
    std::uint64_t total() const;

    /// The least number of ticks that `share` of all times do not exceed, rounded down to a step; of none, 0.
    std::uint64_t quantile(double share) const;

    /// The least distance between two that were seen.
    std::uint64_t step() const;

private:
    static constexpr unsigned STEPS = 256;
    static constexpr unsigned LARGEST_SHIFT = 40;

    static std::size_t bin_of(std::uint64_t ticks);
    static std::uint64_t ticks_of(std::size_t bin);

    std::array<std::uint32_t, STEPS *(LARGEST_SHIFT - 6)> counts_{};
};

#endif
