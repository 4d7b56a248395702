// SPDX-License-Identifier: MIT
// What slabs stand on, and what the suites of slab, heap, tiny and pool share.
#ifndef HAKMEM_TEST_SLAB_GROUND_H
#define HAKMEM_TEST_SLAB_GROUND_H

#include "arena/arena.h"
#include "fake_os/fake_os.h"
#include "slab/slab.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <vector>

namespace hak_test {

/** A system that starts afresh, with a range of the double size; comes before the first box. */
struct FreshOs {
    explicit FreshOs(size_t physical_bytes = 64 * HAK_MIB)
    {
        fake_os::reset();
        fake_os::set_physical_bytes(physical_bytes);
    }
};

/** The boxes below slab; throws where the system refuses what they need to start. */
class Ground {
public:
    Ground()
    {
        if (!hak_i_registry_init(&registry)) {
            throw std::runtime_error("no range");
        }
        hak_i_meta_init(&meta, !registry.reserved);
        if (!hak_i_arena_init(&arena, &registry, &meta)) {
            throw std::runtime_error("no arena");
        }
        hak_i_slab_init(&slabs, &arena);
    }

    Ground(const Ground &) = delete;
    Ground &operator=(const Ground &) = delete;

    hak_slab *acquire(unsigned class_index)
    {
        hak_slab *slab;
        bool done = hak_i_slab_acquire_row(&slabs, hak_i_slab_classes[class_index].slab_bytes, &slab, 1) == 1;
        return done ? slab : nullptr;
    }

    /** A slab of the class, owned by `owner`. */
    hak_slab *bound(unsigned class_index, hak_inbox *owner, uint32_t id_base)
    {
        hak_slab *slab = acquire(class_index);
        if (slab != nullptr) {
            hak_i_slab_bind(&slabs, slab, class_index, owner, id_base);
        }
        return slab;
    }

    size_t unit_of(uintptr_t address) const { return hak_i_registry_unit(&registry, address); }
    uint32_t id_at(uintptr_t address) const { return hak_i_registry_id(&registry, unit_of(address)); }
    void *record_at(uintptr_t address) const { return hak_i_registry_record(&registry, unit_of(address)); }
    size_t held_units() const { return arena.committed_units - arena.free_units; }

    hak_registry registry = {};
    hak_meta meta = {};
    hak_arena arena = {};
    hak_slabs slabs = {};
};

inline uintptr_t address_of(const void *pointer)
{
    return reinterpret_cast<uintptr_t>(pointer);
}

inline std::vector<void *> take(hak_slab *slab, unsigned count)
{
    std::vector<void *> blocks(count);
    unsigned taken = hak_i_slab_take(slab, count, blocks.data() + count);
    return {blocks.rbegin(), blocks.rbegin() + taken};
}

/** Gives one block back; true: it was live. */
inline bool give(hak_slab *slab, const void *block)
{
    unsigned index = hak_i_slab_index(slab, address_of(block));
    return hak_i_slab_give(slab, index / 64, uint64_t{1} << index % 64) == 0;
}

inline std::mt19937_64 random_numbers(const char *test)
{
    const char *given = getenv("HAKMEM_TEST_SEED");
    uint64_t seed = given != nullptr ? strtoull(given, nullptr, 0) : std::random_device{}();
    printf("%s: HAKMEM_TEST_SEED=%llu\n", test, static_cast<unsigned long long>(seed));
    return std::mt19937_64(seed);
}

} // namespace hak_test

#endif
