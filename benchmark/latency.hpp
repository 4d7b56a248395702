// SPDX-License-Identifier: MIT
// How long single calls take: a clock that waits for what stands around it, and what it told of them.
#ifndef HAKMEM_BENCHMARK_LATENCY_HPP
#define HAKMEM_BENCHMARK_LATENCY_HPP

#include <cstddef>
#include <cstdint>

#include "histogram.hpp"

#if defined(__x86_64__)
#include <x86intrin.h>
#else
#include <chrono>
#endif

enum Call {
    NOTHING, // what the clock itself takes
    MALLOC,
    FREE,
};
constexpr std::size_t CALL_COUNT = 3;

/// Only times that all workers spend inside the loop are counted.
void record(Call call, std::uint64_t ticks);

#if defined(__x86_64__)
inline std::uint64_t ticks_before()
{
    _mm_lfence(); // what came before is done
    const std::uint64_t ticks = __rdtsc();
    _mm_lfence(); // what follows has not begun
    return ticks;
}

inline std::uint64_t ticks_after()
{
    unsigned processor;
    const std::uint64_t ticks = __rdtscp(&processor); // waits for what came before
    _mm_lfence();
    return ticks;
}
#else
inline std::uint64_t ticks_before()
{
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

inline std::uint64_t ticks_after()
{
    return ticks_before();
}
#endif

template <typename Body>
void timed(Call call, Body body)
{
    const std::uint64_t before = ticks_before();
    body();
    record(call, ticks_after() - before);
}

/// Of all threads that have ended, and of this one.
Histogram recorded(Call call);

#endif
