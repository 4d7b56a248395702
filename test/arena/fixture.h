// SPDX-License-Identifier: MIT
// An arena over the fake system, and what the suites of this box share.
#ifndef HAKMEM_TEST_ARENA_FIXTURE_H
#define HAKMEM_TEST_ARENA_FIXTURE_H

#include "arena/arena.h"
#include "base/option.h"
#include "fake_os/fake_os.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

namespace hak_test {

constexpr size_t KiB = 1024;
constexpr size_t MiB = 1024 * KiB;
constexpr size_t UNIT = HAK_UNIT_BYTES;
constexpr size_t UNITS_PER_MIB = MiB / UNIT;

inline size_t mib(size_t count)
{
    return count * UNITS_PER_MIB;
}

struct Span {
    size_t first;
    size_t units;
    bool clean;

    explicit operator bool() const { return first != HAK_NO_UNIT; }
};

/** The boxes from the registry to the arena. */
class Space {
public:
    /** False: no memory. */
    bool init()
    {
        if (!hak_i_registry_init(&registry)) {
            return false;
        }
        hak_i_meta_init(&meta, !registry.reserved);
        return hak_i_arena_init(&arena, &registry, &meta);
    }

    char *at(size_t unit) const { return reinterpret_cast<char *>(hak_i_registry_address(&registry, unit)); }
    size_t unit_of(const void *address) const
    {
        return hak_i_registry_unit(&registry, reinterpret_cast<uintptr_t>(address));
    }

    Span acquire(size_t units, size_t align_units = 1)
    {
        Span span = {HAK_NO_UNIT, units, false};
        span.first = hak_i_arena_acquire(&arena, units, align_units, &span.clean);
        return span;
    }
    Span acquire_roomy(size_t units)
    {
        Span span = {HAK_NO_UNIT, units, false};
        span.first = hak_i_arena_acquire_roomy(&arena, &span.units, &span.clean);
        return span;
    }
    void release(const Span &span, size_t dirty_units)
    {
        hak_i_arena_release(&arena, span.first, span.units, dirty_units);
    }
    bool extend(Span *span, size_t units)
    {
        size_t added = hak_i_arena_extend(&arena, span->first + span->units, units);
        span->units += added;
        return added >= units;
    }

    void *large(size_t bytes, size_t alignment = 16)
    {
        bool clean;
        return hak_i_arena_large_acquire(&arena, bytes, alignment, &clean);
    }
    hak_large *record(const void *block) const
    {
        return static_cast<hak_large *>(hak_i_registry_record(&registry, unit_of(block)));
    }
    /** As hak_free() does it; false: it was no live block. */
    bool free_large(const void *block)
    {
        hak_large *large = hak_i_arena_large_claim(&arena, unit_of(block));
        if (large != nullptr) {
            hak_i_arena_large_release(&arena, large);
        }
        return large != nullptr;
    }

    bool reads_as_zero(size_t first, size_t units) const
    {
        return std::all_of(at(first), at(first + units), [](char byte) { return byte == 0; });
    }

    /** Of what grew the arena alone. */
    std::vector<size_t> committed_mib() const
    {
        std::vector<size_t> steps;
        for (const fake_os::Call &call : fake_os::calls(HAK_OS_COMMIT)) {
            if (call.done && hak_i_registry_unit(&registry, call.address) < registry.units) {
                steps.push_back(call.bytes / MiB);
            }
        }
        return steps;
    }

    size_t written_units() const { return arena.dirty_units + arena.cache.units + arena.retained_bytes / UNIT; }
    size_t live_units() const
    {
        return arena.committed_units - arena.free_units - arena.cache.units - arena.retained_bytes / UNIT -
               arena.purging_units;
    }
    /** max(dirty_min, dirty_percent of live) + credit */
    size_t bound_units() const
    {
        size_t share = live_units() * static_cast<size_t>(hak_i_base_options.dirty_percent) / 100;
        return std::max(static_cast<size_t>(hak_i_base_options.dirty_min) / UNIT, share) + arena.credit_units;
    }

    hak_registry registry = {};
    hak_meta meta = {};
    hak_arena arena = {};
};

/** A fresh system, and options that are put back. */
class System : public testing::Test {
protected:
    System() { fake_os::reset(); }
    ~System() override
    {
        hak_i_base_options = options_;
        fake_os::reset();
    }

private:
    hak_options options_ = hak_i_base_options;
};

class ArenaTest : public System {
protected:
    void SetUp() override { ASSERT_TRUE(start()); }
    /** With the settings that the fake system has now. */
    bool start()
    {
        space = std::make_unique<Space>();
        return space->init();
    }
    void TearDown() override { EXPECT_EQ(hak_i_arena_audit(&space->arena), 0); }

    std::unique_ptr<Space> space;
};

inline uint64_t seed_for(const char *test)
{
    const char *given = getenv("HAKMEM_TEST_SEED");
    uint64_t seed = given != nullptr ? strtoull(given, nullptr, 0) : std::random_device{}();
    printf("%s: HAKMEM_TEST_SEED=%llu\n", test, static_cast<unsigned long long>(seed));
    return seed;
}

} // namespace hak_test

#endif
