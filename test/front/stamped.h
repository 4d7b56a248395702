// SPDX-License-Identifier: MIT
// Blocks that carry what is needed to check them, and a board over which threads pass them to one another.
#ifndef HAKMEM_TEST_FRONT_STAMPED_H
#define HAKMEM_TEST_FRONT_STAMPED_H

#include "support.h"

#include <atomic>
#include <cstdarg>
#include <memory>

namespace hak_test {

/** Ends the process with a line that says what was found wrong. */
[[noreturn]] __attribute__((format(printf, 1, 2))) inline void finding(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    printf("finding: ");
    vprintf(format, values);
    printf("\n");
    va_end(values);
    fflush(stdout);
    abort();
}

/** What stands at the start of a stamped block; the rest is a pattern made from `seed`. */
struct Stamped {
    size_t asked, alignment;
    uint64_t seed;

    char *body() { return reinterpret_cast<char *>(this + 1); }
    size_t body_size() const { return asked - sizeof(Stamped); }
};

inline size_t any_stamped_size(Random &random, size_t largest)
{
    size_t limit = random.below(64) == 0 ? largest : size_t{64} << random.below(9);
    return sizeof(Stamped) + random.below(std::min(limit, largest));
}

inline Stamped *stamp(void *block, size_t asked, size_t alignment, uint64_t seed)
{
    if (block == nullptr) {
        finding("memory was refused: %zu bytes aligned to %zu", asked, alignment);
    }
    if (address_of(block) % std::max<size_t>(alignment, 16) != 0 || hak_usable_size(block) < asked) {
        finding("bad block %p for %zu bytes aligned to %zu", block, asked, alignment);
    }
    Stamped *stamped = static_cast<Stamped *>(opaque(block)); // its size is what `asked` says, not what its call bounds
    *stamped = {asked, alignment, seed};
    Stamp::write(stamped->body(), stamped->body_size(), seed);
    return stamped;
}

/** A new block by any of the allocating calls. */
inline Stamped *make_stamped(Random &random, size_t largest)
{
    size_t size = any_stamped_size(random, largest);
    size_t kind = random.below(8);
    if (kind == 0) {
        size_t alignment = size_t{1} << random.below(13);
        return stamp(hak_aligned_alloc(alignment, size), size, alignment, random.next());
    }
    if (kind == 1) {
        void *block = hak_calloc(1, size);
        if (block != nullptr && !is_zero(block, size)) {
            finding("calloc of %zu bytes is not zero", size);
        }
        return stamp(block, size, 0, random.next());
    }
    return stamp(hak_alloc(size), size, 0, random.next());
}

inline void check_stamped(Stamped *block, size_t kept_body)
{
    if (!Stamp::holds(block->body(), block->body_size(), kept_body, block->seed)) {
        finding("block %p of %zu bytes (seed %llx) was overwritten", static_cast<void *>(block), block->asked,
                static_cast<unsigned long long>(block->seed));
    }
}

inline void free_stamped(Stamped *block, Random &random)
{
    check_stamped(block, block->body_size());
    size_t kind = random.below(4);
    if (kind == 0 && block->alignment != 0) {
        hak_free_aligned_sized(block, block->alignment, block->asked);
    } else if (kind == 0) {
        hak_free_sized(block, block->asked);
    } else {
        hak_free(block);
    }
}

inline Stamped *resize_stamped(Stamped *block, Random &random, size_t largest)
{
    check_stamped(block, block->body_size());
    const Stamped before = *block;
    size_t size = any_stamped_size(random, largest);
    block = static_cast<Stamped *>(hak_realloc(block, size));
    if (block == nullptr) {
        finding("realloc to %zu bytes was refused", size);
    }
    check_stamped(block, std::min(before.body_size(), size - sizeof(Stamped)));
    return stamp(block, size, 0, random.next());
}

/** Places that hold one block each; whoever takes a block out of one owns it. */
class Board {
public:
    explicit Board(size_t places) : places_(new std::atomic<Stamped *>[places]()), count_(places) {}

    Stamped *exchange(size_t place, Stamped *block)
    {
        return places_[place].exchange(block, std::memory_order_acq_rel);
    }

    size_t count() const { return count_; }

    /** Checks and frees all that lies on the board. */
    void clear(Random &random)
    {
        for (size_t place = 0; place < count_; place++) {
            if (Stamped *block = exchange(place, nullptr)) {
                free_stamped(block, random);
            }
        }
    }

    /** One thread's turn: replaces blocks, sometimes resizes them, gives some back in batches. */
    void work(Random &random, size_t operations, size_t largest)
    {
        void *batch[32];
        size_t batched = 0;
        for (size_t i = 0; i < operations; i++) {
            size_t place = random.below(count_);
            Stamped *block = exchange(place, random.below(4) == 0 ? nullptr : make_stamped(random, largest));
            if (block == nullptr) {
                continue;
            }
            size_t kind = random.below(8);
            if (kind == 0) {
                block = exchange(place, resize_stamped(block, random, largest));
            } else if (kind == 1) {
                check_stamped(block, block->body_size());
                batch[batched++] = block;
                block = nullptr;
            }
            if (block != nullptr) {
                free_stamped(block, random);
            }
            if (batched == sizeof batch / sizeof batch[0]) {
                hak_free_batch(batch, batched);
                batched = 0;
            }
        }
        hak_free_batch(batch, batched);
    }

private:
    std::unique_ptr<std::atomic<Stamped *>[]> places_;
    size_t count_;
};

} // namespace hak_test

#endif
