// SPDX-License-Identifier: MIT
// Threads that free each other's blocks, end, and are replaced; each block carries a stamp.
#include "heap/machine.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <thread>

using namespace hak_test;

namespace {

constexpr size_t THREADS = 4;

class HeapThreads : public testing::Test {
protected:
    void run(const std::function<void(size_t)> &body)
    {
        std::vector<std::thread> threads;
        for (size_t i = 0; i < THREADS; i++) {
            threads.emplace_back(body, i);
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
    }

    /** Nothing is live, nothing was taken for a double free, and all memory goes back. */
    void TearDown() override
    {
        EXPECT_TRUE(machine_.is_sound());
        EXPECT_EQ(machine_.live_blocks(), 0u);
        hak_i_heaps_purge_idle(&machine_.heaps); // twice: the first may forward from one idle heap to another
        hak_i_heaps_purge_idle(&machine_.heaps);
        EXPECT_EQ(machine_.held_units(), 0u);
        machine_.for_each_heap([](hak_heap *heap) { EXPECT_EQ(heap->finding_count, 0u); });
    }

    FreshOs os_{HAK_GIB};
    Machine machine_;
};

/** A block's size class and a number, at its start and at its end. */
struct Stamp {
    uint64_t class_index;
    uint64_t number;

    static void *write(void *block, unsigned class_index, uint64_t number)
    {
        Stamp stamp = {class_index, number};
        memcpy(block, &stamp, sizeof stamp);
        memcpy(end_of(block, class_index), &number, sizeof number);
        return block;
    }

    static bool holds(const void *block)
    {
        Stamp stamp;
        uint64_t number;
        memcpy(&stamp, block, sizeof stamp);
        if (stamp.class_index >= HAK_CLASS_COUNT) {
            return false;
        }
        memcpy(&number, end_of(const_cast<void *>(block), static_cast<unsigned>(stamp.class_index)), sizeof number);
        return number == stamp.number;
    }

private:
    static char *end_of(void *block, unsigned class_index)
    {
        return static_cast<char *>(block) + hak_i_slab_classes[class_index].block_bytes - sizeof(uint64_t);
    }
};

TEST_F(HeapThreads, OneOwnerGetsBackWhatSeveralThreadsFree)
{
    constexpr size_t ROUNDS = 60, BLOCKS = 3000;
    std::vector<std::atomic<void *>> board(BLOCKS);
    std::atomic<size_t> left{0};
    std::atomic<bool> done{false};
    run([&](size_t thread) {
        hak_heap *heap = machine_.claim();
        if (thread != 0) {
            for (size_t i = thread; !done.load(std::memory_order_acquire); i = (i + 1) % BLOCKS) {
                if (void *block = board[i].exchange(nullptr, std::memory_order_acquire)) {
                    memset(block, 0xDD, 64);
                    machine_.free(heap, block);
                    left.fetch_sub(1, std::memory_order_relaxed);
                }
            }
        } else {
            for (size_t round = 0; round < ROUNDS; round++) {
                left.store(BLOCKS, std::memory_order_relaxed);
                for (std::atomic<void *> &place : board) {
                    void *block = machine_.alloc(heap, CLASS_64);
                    memset(block, 0xAA, 64);
                    place.store(block, std::memory_order_release);
                }
                while (left.load(std::memory_order_relaxed) != 0) {
                    std::this_thread::yield();
                }
            }
            done.store(true, std::memory_order_release);
        }
        hak_i_heap_release(heap);
    });
    EXPECT_LE(machine_.arena.committed_units * HAK_UNIT_BYTES, 8 * HAK_MIB) << "memory is used again";
}

/** Threads in a ring; each passes on all that it allocates, while others take slabs of its heap as if it slept. */
TEST_F(HeapThreads, SlabsAreTakenWhileTheirOwnersWork)
{
    constexpr size_t ROUNDS = 200, BLOCKS = 700;
    std::atomic<std::vector<void *> *> places[THREADS] = {};
    std::atomic<size_t> torn{0};
    hak_heap *heaps[THREADS];
    std::generate(std::begin(heaps), std::end(heaps), [&] { return machine_.claim(); });
    auto put_all = [&](hak_heap *heap, std::vector<void *> *blocks) {
        for (size_t i = 0; blocks != nullptr && i < blocks->size(); i++) {
            torn += !Stamp::holds((*blocks)[i]);
            machine_.free(heap, (*blocks)[i]);
        }
        delete blocks;
    };
    run([&](size_t thread) {
        hak_heap *heap = heaps[thread];
        for (size_t round = 0; round < ROUNDS; round++) {
            auto *blocks = new std::vector<void *>(machine_.alloc_many(heap, CLASS_1K, BLOCKS));
            for (void *block : *blocks) {
                Stamp::write(block, CLASS_1K, address_of(block) + thread);
            }
            put_all(heap, places[(thread + 1) % THREADS].exchange(blocks));
            std::this_thread::yield();    // else a thread's next round would find what it put there itself
            for (hak_heap *any : heaps) { // all pass for asleep
                hak_store_relaxed(&any->calls_seen,
                                  hak_load_relaxed(&any->counts.refills) + hak_load_relaxed(&any->counts.flushes));
            }
            put_all(heap, places[thread].exchange(nullptr));
            if (round % 16 == 0) {
                hak_i_heap_purge(heap); // asks nobody
            }
        }
        hak_i_heap_release(heap);
    });
    hak_heap *heap = machine_.claim();
    for (auto &place : places) {
        put_all(heap, place.exchange(nullptr));
    }
    hak_i_heap_release(heap);
    EXPECT_EQ(torn, 0u) << "blocks were overwritten";
    size_t handovers = 0;
    machine_.for_each_heap([&](hak_heap *any) { handovers += any->counts.handovers; });
    EXPECT_NE(handovers, 0u);
}

/** Places that hold one stamped block each; whoever takes a block out of one owns it. */
class HeapThreadsBoard : public HeapThreads {
protected:
    static constexpr size_t PLACES = 2000;

    void exchange_blocks(hak_heap *heap, std::mt19937_64 &random, size_t steps, unsigned classes)
    {
        for (size_t i = 0; i < steps; i++) {
            unsigned class_index = static_cast<unsigned>(random() % classes);
            void *block = nullptr;
            if (random() % 4 != 0) {
                block = machine_.alloc(heap, class_index);
                Stamp::write(block, class_index, random());
            }
            put(heap, board_[random() % PLACES].exchange(block, std::memory_order_acq_rel));
        }
    }

    /** Heaps that nobody holds, and whose slabs can be taken over. */
    void leave_idle_heaps(uint64_t seed)
    {
        std::mt19937_64 random(seed);
        hak_heap *heaps[THREADS];
        for (hak_heap *&heap : heaps) {
            heap = machine_.claim();
            exchange_blocks(heap, random, 3000, HAK_TINY_CLASS_COUNT);
        }
        for (hak_heap *heap : heaps) {
            hak_i_heap_release(heap);
        }
    }

    void put(hak_heap *heap, void *block)
    {
        if (block != nullptr) {
            torn_ += !Stamp::holds(block);
            machine_.free(heap, block);
        }
    }

    void TearDown() override
    {
        hak_heap *heap = machine_.claim();
        for (std::atomic<void *> &place : board_) {
            put(heap, place.exchange(nullptr));
        }
        hak_i_heap_release(heap);
        EXPECT_EQ(torn_, 0u) << "blocks were overwritten";
        HeapThreads::TearDown();
    }

    std::vector<std::atomic<void *>> board_ = std::vector<std::atomic<void *>>(PLACES);
    std::atomic<size_t> torn_{0};
};

TEST_F(HeapThreadsBoard, PassBlocksOfEverySizeToOneAnother)
{
    uint64_t seed = random_numbers("HeapThreadsBoard.PassBlocksOfEverySizeToOneAnother")();
    run([&](size_t thread) {
        std::mt19937_64 random(seed + thread);
        hak_heap *heap = machine_.claim();
        exchange_blocks(heap, random, 30000, HAK_TINY_CLASS_COUNT);
        exchange_blocks(heap, random, 10000, HAK_CLASS_COUNT - 8);
        hak_i_heap_release(heap);
    });
}

TEST_F(HeapThreadsBoard, EndAndAreReplacedAllTheTime)
{
    uint64_t seed = random_numbers("HeapThreadsBoard.EndAndAreReplacedAllTheTime")();
    size_t handovers = 0;
    for (int round = 0; round < 20 && handovers == 0; round++) { // whether one happens is the scheduler's choice, too
        leave_idle_heaps(seed + static_cast<uint64_t>(round));
        run([&](size_t thread) {
            std::mt19937_64 random(seed + thread);
            for (int life = 0; life < 150; life++) {
                hak_heap *heap = machine_.claim();
                exchange_blocks(heap, random, 50 + random() % 300, HAK_TINY_CLASS_COUNT);
                hak_i_heap_release(heap);
                Machine::let_rest();
            }
        });
        machine_.for_each_heap([&](hak_heap *heap) { handovers += heap->counts.handovers; });
    }
    EXPECT_LE(machine_.heaps.heap_count, 2 * THREADS) << "heaps are used again";
    EXPECT_NE(handovers, 0u);
}

TEST_F(HeapThreadsBoard, SomeHaveNoHeapAndSomePurgeMeanwhile)
{
    uint64_t seed = random_numbers("HeapThreadsBoard.SomeHaveNoHeapAndSomePurgeMeanwhile")();
    run([&](size_t thread) {
        std::mt19937_64 random(seed + thread);
        for (int life = 0; thread != 0 && life < 60; life++) {
            hak_heap *heap = machine_.claim();
            exchange_blocks(heap, random, 500, HAK_TINY_CLASS_COUNT);
            hak_i_heap_release(heap);
        }
        for (int i = 0; thread == 0 && i < 20000; i++) {
            void *block = board_[random() % PLACES].exchange(nullptr, std::memory_order_acq_rel);
            if (block != nullptr) {
                torn_ += !Stamp::holds(block);
                torn_ += hak_i_heap_publish(&machine_.heaps, machine_.id_at(address_of(block)), block);
            }
            if (i % 500 == 0) {
                hak_i_heaps_purge_idle(&machine_.heaps);
                hak_i_arena_purge(&machine_.arena);
            }
        }
    });
}

} // namespace
