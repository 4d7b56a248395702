// SPDX-License-Identifier: MIT
// What the black-box suites share: sizes at class edges, block patterns, random numbers, the process's own memory.
// Free of GoogleTest, so that programs without it can use it too.
#ifndef HAKMEM_TEST_FRONT_SUPPORT_H
#define HAKMEM_TEST_FRONT_SUPPORT_H

#include <hakmem/hakmem.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#if defined(__has_feature)
#define HAK_TEST_CLANG_FEATURE(name) __has_feature(name)
#else
#define HAK_TEST_CLANG_FEATURE(name) 0
#endif

namespace hak_test {

#if defined(__SANITIZE_THREAD__) || HAK_TEST_CLANG_FEATURE(thread_sanitizer)
constexpr bool thread_sanitizer = true;
#else
constexpr bool thread_sanitizer = false;
#endif
#if defined(__SANITIZE_ADDRESS__) || HAK_TEST_CLANG_FEATURE(address_sanitizer)
constexpr bool sanitizer = true;
#else
constexpr bool sanitizer = thread_sanitizer;
#endif

constexpr size_t KiB = 1024;
constexpr size_t MiB = 1024 * KiB;

/** The value, with its origin hidden from the compiler, which would warn of the absurd values that tests pass. */
template <class T>
T opaque(T value)
{
    __asm__ volatile("" : "+r"(value));
    return value;
}

inline uintptr_t address_of(const void *pointer)
{
    return reinterpret_cast<uintptr_t>(pointer);
}

inline void *pointer_to(uintptr_t address)
{
    return reinterpret_cast<void *>(opaque(address));
}

/** A small generator (splitmix64) whose sequence is the same on every machine. */
class Random {
public:
    explicit Random(uint64_t seed) : state_(seed) {}

    uint64_t next()
    {
        uint64_t z = state_ += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }

    size_t below(size_t bound) { return static_cast<size_t>(next() % bound); }

private:
    uint64_t state_;
};

/** A fresh seed, or HAKMEM_TEST_SEED; printed, so that a failure can be run again. */
inline uint64_t seed_for(const char *test)
{
    const char *given = getenv("HAKMEM_TEST_SEED");
    uint64_t seed = given != nullptr ? strtoull(given, nullptr, 0) : std::random_device{}();
    printf("%s: HAKMEM_TEST_SEED=%llu\n", test, static_cast<unsigned long long>(seed));
    return seed;
}

/** Class sizes up to `largest`, as hak_good_size() tells them: every one up to 512 KiB, from there one in a while. */
inline std::vector<size_t> class_sizes(size_t largest)
{
    std::vector<size_t> sizes;
    for (size_t size = hak_good_size(0); size <= largest;) {
        sizes.push_back(size);
        size = hak_good_size(size + 1 + (size < 512 * KiB ? 0 : size / 12));
    }
    return sizes;
}

/** 0 and each of class_sizes() up to `largest`, with the sizes beside it. */
inline std::vector<size_t> edge_sizes(size_t largest)
{
    std::vector<size_t> sizes{0};
    for (size_t size : class_sizes(largest)) {
        sizes.insert(sizes.end(), {size - 1, size, size + 1});
    }
    return sizes;
}

inline uint64_t pattern_word(uint64_t seed, size_t index)
{
    return (seed ^ 0xa5a5a5a5a5a5a5a5u) + index * 0x9e3779b97f4a7c15u;
}

/** Fills `size` bytes with a pattern that depends on `seed` and on the place. */
inline void fill(void *block, size_t size, uint64_t seed)
{
    char *bytes = static_cast<char *>(block);
    size_t words = size / 8;
    for (size_t i = 0; i < words; i++) {
        uint64_t word = pattern_word(seed, i);
        memcpy(bytes + 8 * i, &word, 8);
    }
    uint64_t word = pattern_word(seed, words);
    memcpy(bytes + 8 * words, &word, size % 8);
}

/** Whether the first `size` bytes still are what fill() wrote, over this size or a larger one. */
inline bool is_filled(const void *block, size_t size, uint64_t seed)
{
    const char *bytes = static_cast<const char *>(block);
    size_t words = size / 8;
    uint64_t difference = 0;
    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        memcpy(&word, bytes + 8 * i, 8);
        difference |= word ^ pattern_word(seed, i);
    }
    uint64_t word = pattern_word(seed, words);
    return difference == 0 && memcmp(bytes + 8 * words, &word, size % 8) == 0;
}

/** Stamps all of a small block; of a large one, the start of each page and the end. */
class Stamp {
public:
    static void write(void *block, size_t size, uint64_t seed)
    {
        char *bytes = static_cast<char *>(block);
        if (size <= WHOLE) {
            fill(bytes, size, seed);
            return;
        }
        for (size_t at = 0; at + PIECE <= size; at += STEP) {
            fill(bytes + at, PIECE, seed + at);
        }
        fill(bytes + size - PIECE, PIECE, seed + size);
    }

    /** Whether the first `kept` bytes still are as write() left them. */
    static bool holds(const void *block, size_t size, size_t kept, uint64_t seed)
    {
        const char *bytes = static_cast<const char *>(block);
        if (size <= WHOLE) {
            return is_filled(bytes, kept, seed);
        }
        for (size_t at = 0; at + PIECE <= std::min(kept, size - PIECE); at += STEP) {
            if (!is_filled(bytes + at, PIECE, seed + at)) {
                return false;
            }
        }
        return kept < size || is_filled(bytes + size - PIECE, PIECE, seed + size);
    }

private:
    static constexpr size_t WHOLE = 16 * KiB, STEP = 4 * KiB, PIECE = 64;
};

inline bool is_zero(const void *block, size_t size)
{
    const char *bytes = static_cast<const char *>(block);
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/** The process's resident memory; asks the system without allocating. */
inline size_t resident_bytes()
{
    char text[128] = {};
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    const char *second = length > 0 ? strchr(text, ' ') : nullptr;
    if (second == nullptr) {
        abort();
    }
    return strtoull(second, nullptr, 10) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

inline hak_stats statistics()
{
    hak_stats stats = {};
    stats.size = sizeof stats;
    if (hak_stats_get(&stats) != 0) {
        abort();
    }
    return stats;
}

/** What the parts of a snapshot add up to; equal to committed_bytes while no thread is inside hakmem. */
inline uint64_t sum_of_parts(const hak_stats &stats)
{
    return stats.live_bytes + stats.slack_bytes + stats.cached_bytes + stats.partial_bytes + stats.remote_bytes +
           stats.clean_bytes + stats.dirty_bytes + stats.metadata_bytes;
}

} // namespace hak_test

#endif
