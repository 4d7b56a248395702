// SPDX-License-Identifier: MIT
#include "histogram.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

std::size_t Histogram::bin_of(std::uint64_t ticks)
{
    if (ticks < 2 * STEPS) {
        return static_cast<std::size_t>(ticks);
    }
    ticks = std::min(ticks, (std::uint64_t{1} << LARGEST_SHIFT) - 1);
    const auto shift = static_cast<unsigned>(63 - __builtin_clzll(ticks) - 8);
    return static_cast<std::size_t>(shift * STEPS + (ticks >> shift));
}

std::uint64_t Histogram::ticks_of(std::size_t bin)
{
    return bin < 2 * STEPS ? bin : (STEPS + bin % STEPS) << (bin / STEPS - 1);
}

Histogram &Histogram::operator+=(const Histogram &other)
{
    std::transform(counts_.begin(), counts_.end(), other.counts_.begin(), counts_.begin(), std::plus<>());
    return *this;
}

std::uint64_t Histogram::total() const
{
    return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

std::uint64_t Histogram::quantile(double share) const
{
    const double wanted = share * static_cast<double>(total());
    std::uint64_t seen = 0;
    std::size_t largest = 0;
    for (std::size_t bin = 0; bin < counts_.size() && static_cast<double>(seen) < wanted; ++bin) {
        seen += counts_[bin];
        largest = counts_[bin] != 0 ? bin : largest;
    }
    return ticks_of(largest);
}

std::uint64_t Histogram::step() const
{
    std::uint64_t least = 0;
    std::size_t last = counts_.size();
    for (std::size_t bin = 0; bin < 2 * STEPS; ++bin) {
        if (counts_[bin] != 0) {
            least = last < bin && (least == 0 || bin - last < least) ? bin - last : least;
            last = bin;
        }
    }
    return least;
}
