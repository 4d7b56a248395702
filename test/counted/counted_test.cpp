// SPDX-License-Identifier: MIT
// What a thread does that makes other processors wait: atomic operations and locks.
#include "counted.h"
#include "front/support.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

using namespace hak_test;

namespace {

/** What this thread has done since the object was made. */
class Counted {
public:
    unsigned long atomics() const { return hak_test_atomics - atomics_; }
    unsigned long locks() const { return hak_test_locks - locks_; }

private:
    const unsigned long atomics_ = hak_test_atomics;
    const unsigned long locks_ = hak_test_locks;
};

std::vector<void *> blocks_of(size_t size, size_t count)
{
    std::vector<void *> blocks(count);
    for (void *&block : blocks) {
        block = hak_alloc(size);
    }
    return blocks;
}

void free_all(const std::vector<void *> &blocks)
{
    for (void *block : blocks) {
        hak_free(block);
    }
}

/** What it costs another thread to free 4 MiB of blocks in the order in which they were allocated. */
unsigned long atomics_of_remote_frees(const std::vector<void *> &blocks)
{
    unsigned long atomics = 0;
    std::thread([&] {
        hak_free(hak_alloc(16)); // the thread has a heap, but no stack of a class of larger blocks
        Counted counted;
        free_all(blocks);
        std::vector<void *> own = blocks_of(16, 128); // a slow path publishes what is left
        atomics = counted.atomics();
        free_all(own);
    }).join();
    return atomics;
}

TEST(CountedRemoteFrees, NeighboursCostAtMostOneAtomicIn8)
{
    for (size_t size = 16; size <= 1 * KiB; size = hak_good_size(size + 1)) {
        std::vector<void *> blocks = blocks_of(size, 4 * MiB / size);
        unsigned long atomics = atomics_of_remote_frees(blocks);
        EXPECT_LE(8 * atomics, blocks.size()) << size << " bytes";
        EXPECT_GE(128 * atomics, blocks.size()) << size << " bytes: were they counted?";
    }
}

TEST(CountedRemoteFrees, LargerNeighboursCostAtMostTwoAtomicsFor16KiBOrABlock)
{
    for (size_t size = hak_good_size(1 * KiB + 1); size <= 256 * KiB; size = hak_good_size(size + 1)) {
        std::vector<void *> blocks = blocks_of(size, 4 * MiB / size);
        size_t together = std::max<size_t>(16 * KiB / size, 1);
        EXPECT_LE(together * atomics_of_remote_frees(blocks), 2 * blocks.size()) << size << " bytes";
    }
}

/* ------------------------------------------------------------------------------------------- a steady state ---- */

/** Replaces random ones of `blocks`. */
void replace(std::vector<void *> &blocks, Random &random, size_t smallest, size_t largest, size_t steps)
{
    for (size_t i = 0; i < steps; i++) {
        void *&block = blocks[random.below(blocks.size())];
        hak_free(block);
        block = hak_alloc(smallest + random.below(largest - smallest + 1));
    }
}

TEST(CountedSteadyState, APairTakesNoAtomicAndNoLock)
{
    for (size_t size : {16u, 64u, 1024u, 8192u, 32768u}) {
        hak_free(hak_alloc(size));
        Counted counted;
        for (int i = 0; i < 100'000; i++) {
            hak_free(opaque(hak_alloc(size)));
        }
        EXPECT_EQ(counted.atomics(), 0u) << size;
        EXPECT_EQ(counted.locks(), 0u) << size;
    }
}

TEST(CountedSteadyState, ReplacingBlocksOfOneSizeTakesNoAtomicAndNoLock)
{
    Random random(1);
    for (size_t size : {16u, 200u, 1024u}) {
        std::vector<void *> blocks = blocks_of(size, 5000);
        replace(blocks, random, size, size, 200'000);
        Counted counted;
        replace(blocks, random, size, size, 500'000);
        EXPECT_EQ(counted.atomics(), 0u) << size;
        EXPECT_EQ(counted.locks(), 0u) << size;
        free_all(blocks);
    }
}

/** A class that shrinks for a while gives a slab back, and its record; that takes two locks, its return two more. */
constexpr size_t BLOCKS_PER_LOCK = 10'000;

TEST(CountedSteadyState, ReplacingBlocksOfMixedSizesHardlyEverTakesALock)
{
    Random random(1);
    std::vector<void *> blocks = blocks_of(64, 1000);
    replace(blocks, random, 16, 1 * KiB, 4'000'000);
    Counted counted;
    replace(blocks, random, 16, 1 * KiB, 2'000'000);
    EXPECT_LE(counted.locks() * BLOCKS_PER_LOCK, 2'000'000u);
    EXPECT_LE(counted.atomics() * BLOCKS_PER_LOCK, 2'000'000u);
    free_all(blocks);
}

/** One producer, one consumer; a slot that is not empty is the consumer's. */
class Ring {
public:
    void push(void *block)
    {
        std::atomic<void *> &slot = slots_[pushed_++ % slots_.size()];
        while (slot.load(std::memory_order_relaxed) != nullptr) {
            std::this_thread::yield();
        }
        slot.store(block, std::memory_order_release);
    }

    void *pop()
    {
        std::atomic<void *> &slot = slots_[popped_++ % slots_.size()];
        void *block;
        while ((block = slot.load(std::memory_order_acquire)) == nullptr) {
            std::this_thread::yield();
        }
        slot.store(nullptr, std::memory_order_relaxed); // only the consumer's reads come before it, of its own block
        return block;
    }

private:
    std::array<std::atomic<void *>, 1024> slots_{};
    alignas(64) size_t pushed_ = 0;
    alignas(64) size_t popped_ = 0;
};

struct Crossing {
    unsigned long locks; // of both
    unsigned long consumer_atomics;
};

/** What the second half of `count` blocks costs that go from one thread to another, which frees them. */
Crossing crossing_of(size_t smallest, size_t largest, size_t count)
{
    Ring ring;
    Crossing crossing = {};
    std::thread consumer([&] {
        for (size_t i = 0; i < count / 2; i++) {
            hak_free(ring.pop());
        }
        Counted counted;
        for (size_t i = 0; i < count / 2; i++) {
            hak_free(ring.pop());
        }
        crossing = {counted.locks(), counted.atomics()};
    });
    Random random(1);
    for (size_t i = 0; i < count / 2; i++) {
        ring.push(hak_alloc(smallest + random.below(largest - smallest + 1)));
    }
    Counted counted;
    for (size_t i = 0; i < count / 2; i++) {
        ring.push(hak_alloc(smallest + random.below(largest - smallest + 1)));
    }
    unsigned long producer_locks = counted.locks();
    consumer.join();
    crossing.locks += producer_locks;
    return crossing;
}

TEST(CountedSteadyState, BlocksThatCrossHardlyEverTakeALock)
{
    EXPECT_LE(crossing_of(64, 64, 2'000'000).locks * BLOCKS_PER_LOCK, 1'000'000u);
    EXPECT_LE(crossing_of(16, 1 * KiB, 4'000'000).locks * BLOCKS_PER_LOCK, 2'000'000u);
}

TEST(CountedSteadyState, BlocksOfMixedSizesThatCrossCostAtMostOneAtomicIn8)
{
    EXPECT_LE(8 * crossing_of(16, 1 * KiB, 4'000'000).consumer_atomics, 2'000'000u);
}

/** A thread that begins takes a lock for its heap; what follows finds its predecessors' slabs. */
TEST(CountedSteadyState, ThreadsThatPassABoardOnHardlyEverTakeALock)
{
    constexpr size_t THREADS = 40, STEPS = 50'000;
    Random random(1);
    std::vector<void *> board = blocks_of(64, 5000);
    unsigned long locks = 0;
    for (size_t i = 0; i < THREADS; i++) {
        std::thread([&] {
            Counted counted;
            replace(board, random, 8, 1000, STEPS);
            locks += i < THREADS / 2 ? 0 : counted.locks();
        }).join();
    }
    EXPECT_LE(locks * 500, STEPS * THREADS / 2) << "at most 100 a thread";
    free_all(board);
}

} // namespace
