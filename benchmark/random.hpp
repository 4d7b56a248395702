// SPDX-License-Identifier: MIT
// Random numbers, the same on every machine.
#ifndef HAKMEM_BENCHMARK_RANDOM_HPP
#define HAKMEM_BENCHMARK_RANDOM_HPP

#include <cstddef>
#include <cstdint>

/// xorshift64*
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}
    std::uint64_t next()
    {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545F4914F6CDD1Du;
    }

private:
    std::uint64_t state_;
};

/// Where in 0 … count - 1 a draw of Random falls; uses its low half only.
inline std::size_t index_of(std::uint64_t draw, std::size_t count)
{
    return static_cast<std::size_t>((static_cast<std::uint64_t>(static_cast<std::uint32_t>(draw)) * count) >> 32);
}

#endif
