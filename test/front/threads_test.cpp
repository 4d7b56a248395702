// SPDX-License-Identifier: MIT
// Threads that pass blocks, end and are replaced; their destructors; what they leave behind.
#include "stamped.h"

#include <gtest/gtest.h>

#include <pthread.h>

#include <climits>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

using namespace hak_test;

namespace {

/** Sees, at the end of a test whose threads have all ended, that nothing is held and everything is accounted for. */
class FrontThreads : public testing::Test {
protected:
    void TearDown() override
    {
        hak_stats after = statistics();
        EXPECT_EQ(after.live_bytes, before_.live_bytes);
        EXPECT_EQ(after.live_blocks, before_.live_blocks);
        EXPECT_EQ(sum_of_parts(after), after.committed_bytes);
    }

    const hak_stats before_ = statistics();
};

void run_threads(size_t count, const std::function<void(size_t)> &body)
{
    std::vector<std::thread> threads;
    for (size_t i = 0; i < count; i++) {
        threads.emplace_back(body, i);
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
}

/* ------------------------------------------------------------------------------------- thread-exit handlers ---- */

/** ThreadSanitizer is done with a thread before the last rounds. */
constexpr int ROUNDS = thread_sanitizer ? 2 : PTHREAD_DESTRUCTOR_ITERATIONS;
constexpr size_t KEYS = 40;
pthread_key_t keys[KEYS];
std::atomic<size_t> destructor_calls;

/** What a key's destructor frees: blocks of this thread's making; and it leaves new ones until the last round. */
struct KeyValue {
    size_t key;
    int round;
    Stamped *block;
};

void destroy_key_value(void *value)
{
    KeyValue *old = static_cast<KeyValue *>(value);
    destructor_calls++;
    Random random(old->key);
    free_stamped(old->block, random);
    free_stamped(resize_stamped(make_stamped(random, 256 * KiB), random, 256 * KiB), random);
    if (old->round + 1 < ROUNDS) {
        KeyValue *next = static_cast<KeyValue *>(hak_calloc(1, sizeof(KeyValue)));
        *next = {old->key, old->round + 1, make_stamped(random, 64 * KiB)};
        pthread_setspecific(keys[old->key], next);
    }
    hak_free(old);
}

void set_key_value(size_t key)
{
    Random random(key);
    KeyValue *value = static_cast<KeyValue *>(hak_calloc(1, sizeof(KeyValue)));
    *value = {key, 0, make_stamped(random, 64 * KiB)};
    pthread_setspecific(keys[key], value);
}

/** Frees, and allocates again, when its thread ends. */
class ThreadLocal {
public:
    ~ThreadLocal()
    {
        Random random(1);
        for (Stamped *block : blocks_) {
            free_stamped(resize_stamped(block, random, 100 * KiB), random);
        }
        free_stamped(make_stamped(random, 100 * KiB), random);
        destructor_calls++;
    }

    void fill_up()
    {
        Random random(1);
        for (Stamped *&block : blocks_) {
            block = make_stamped(random, 100 * KiB);
        }
    }

private:
    Stamped *blocks_[100] = {};
};

thread_local ThreadLocal thread_local_object;

} // namespace

TEST_F(FrontThreads, PassBlocksAndEndAndAreReplaced)
{
    uint64_t seed = seed_for("PassBlocksAndEndAndAreReplaced");
    Board board(2000);
    constexpr size_t lives = sanitizer ? 15 : 60;
    run_threads(4, [&](size_t lane) {
        for (size_t life = 0; life < lives; life++) {
            std::thread([&, life] {
                Random random(seed + 1000 * lane + life);
                board.work(random, 4000, 256 * KiB);
            }).join();
        }
    });
    Random random(seed);
    board.clear(random);
}

TEST_F(FrontThreads, MayDoNothingButFree)
{
    Random random(seed_for("MayDoNothingButFree"));
    for (size_t count : {size_t{1}, size_t{7}, size_t{8}, size_t{9}, size_t{100}, size_t{5000}}) {
        std::vector<Stamped *> blocks(count);
        for (Stamped *&block : blocks) {
            block = make_stamped(random, 256 * KiB);
        }
        std::thread([&] {
            for (Stamped *block : blocks) {
                free_stamped(block, random);
            }
        }).join();
        EXPECT_EQ(statistics().live_blocks, before_.live_blocks);
    }
}

TEST_F(FrontThreads, FreeBlocksOfThreadsThatEnded)
{
    Random random(seed_for("FreeBlocksOfThreadsThatEnded"));
    for (int round = 0; round < 30; round++) {
        std::vector<Stamped *> blocks(2000);
        std::thread([&] {
            for (Stamped *&block : blocks) {
                block = make_stamped(random, 32 * KiB);
            }
        }).join();
        std::shuffle(blocks.begin(), blocks.end(), std::minstd_rand(1));
        run_threads(2, [&](size_t half) {
            Random own(half);
            for (size_t i = half; i < blocks.size(); i += 2) {
                free_stamped(blocks[i], own);
            }
        });
    }
}

TEST_F(FrontThreads, ReuseWhatOthersFreed)
{
    constexpr size_t count = 20000;
    std::vector<void *> blocks(count);
    uint64_t committed_first = 0;
    for (int round = 0; round < 20; round++) {
        ASSERT_EQ(hak_alloc_batch(400, count, blocks.data()), count);
        std::thread([&] { hak_free_batch(blocks.data(), count); }).join();
        committed_first = round == 1 ? statistics().committed_bytes : committed_first;
    }
    EXPECT_LE(statistics().committed_bytes, committed_first + 8 * MiB);
}

TEST_F(FrontThreads, AllocateInKeyDestructors)
{
    static const bool keys_made = [] {
        for (size_t i = 0; i < KEYS / 2; i++) {
            pthread_key_create(&keys[i], destroy_key_value);
        }
        hak_free(hak_alloc(1));
        for (size_t i = KEYS / 2; i < KEYS; i++) {
            pthread_key_create(&keys[i], destroy_key_value);
        }
        return true;
    }();
    ASSERT_TRUE(keys_made);
    destructor_calls = 0;
    constexpr size_t threads = 20;
    for (size_t i = 0; i < threads / 2; i++) {
        run_threads(2, [&](size_t) {
            for (size_t key = 0; key < KEYS; key++) {
                set_key_value(key);
            }
        });
    }
    EXPECT_EQ(destructor_calls, threads * KEYS * ROUNDS);
}

TEST_F(FrontThreads, AllocateFirstInAKeyDestructor)
{
    static pthread_key_t key;
    ASSERT_EQ(pthread_key_create(&key,
                                 [](void *) {
                                     Random random(7);
                                     for (int i = 0; i < 100; i++) {
                                         free_stamped(make_stamped(random, 64 * KiB), random);
                                     }
                                 }),
              0);
    for (int i = 0; i < 20; i++) {
        std::thread([] { pthread_setspecific(key, &key); }).join();
    }
    pthread_key_delete(key);
}

TEST_F(FrontThreads, AllocateInThreadLocalDestructors)
{
    destructor_calls = 0;
    for (int i = 0; i < 10; i++) {
        run_threads(2, [](size_t) { thread_local_object.fill_up(); });
    }
    EXPECT_EQ(destructor_calls, 20u);
}

/** Lines of threads, each of which begins with a free of what the one before it in its line has left. */
TEST_F(FrontThreads, GoOnWithTheHeapWhoseBlocksTheyWereLeft)
{
    constexpr size_t lines = 4, rounds = 5, blocks = 200;
    std::vector<void *> left[lines];
    std::atomic<size_t> begun{0};
    run_threads(lines, [&](size_t line) {
        left[line].resize(blocks);
        ASSERT_EQ(hak_alloc_batch(100, blocks, left[line].data()), blocks);
        begun++;
        while (begun != lines) { // so that no two of them have the same heap
            std::this_thread::yield();
        }
    });
    uint64_t remote_frees = statistics().remote_frees;
    auto in_each_line = [&](const std::function<void(void *&)> &body) {
        for (std::vector<void *> &line : left) {
            run_threads(1, [&](size_t) { std::for_each(line.begin(), line.end(), body); });
        }
    };
    for (size_t round = 0; round < rounds; round++) {
        in_each_line([](void *&block) {
            hak_free(block);
            block = hak_alloc(100);
        });
    }
    in_each_line([](void *&block) { hak_free(block); });
    EXPECT_EQ(statistics().remote_frees, remote_frees);
}

TEST_F(FrontThreads, ShortOnesLeaveNothingBehind)
{
    std::vector<Stamped *> inherited;
    auto one_thread = [&](uint64_t seed) {
        std::thread([&] {
            Random random(seed);
            for (Stamped *block : inherited) {
                free_stamped(block, random);
            }
            inherited.clear();
            for (int i = 0; i < 50; i++) {
                inherited.push_back(make_stamped(random, 16 * KiB));
                free_stamped(make_stamped(random, 16 * KiB), random);
            }
        }).join();
    };
    for (uint64_t i = 0; i < 200; i++) {
        one_thread(i);
    }
    hak_stats warm = statistics();
    size_t resident = resident_bytes();
    for (uint64_t i = 0; i < 2000; i++) {
        one_thread(i);
    }
    hak_stats after = statistics();
    EXPECT_LE(after.heaps, warm.heaps + 1);
    EXPECT_LE(after.committed_bytes, warm.committed_bytes + 4 * MiB);
    if (!sanitizer) {
        EXPECT_LE(resident_bytes(), resident + 2 * MiB);
    }
    Random random(1);
    for (Stamped *block : inherited) {
        free_stamped(block, random);
    }
}

TEST_F(FrontThreads, MayBeManyAtOnce)
{
    constexpr size_t count = sanitizer ? 100 : 500;
    std::mutex mutex;
    std::condition_variable all_here;
    size_t here = 0;
    Board board(count);
    run_threads(count, [&](size_t index) {
        Random random(index);
        board.exchange(index, make_stamped(random, 64 * KiB));
        {
            std::unique_lock<std::mutex> lock(mutex);
            if (++here == count) {
                all_here.notify_all();
            }
            all_here.wait(lock, [&] { return here == count; });
        }
        board.work(random, 50, 16 * KiB);
    });
    EXPECT_GE(statistics().heaps, count);
    Random random(1);
    board.clear(random);
}

TEST_F(FrontThreads, ProducerAndConsumerStaySmall)
{
    constexpr size_t block_size = 200, ring_size = 1 * MiB / block_size, total = 100 * MiB / block_size;
    Board ring(ring_size);
    size_t resident = resident_bytes(), peak = 0;
    uint64_t committed = statistics().committed_bytes;
    std::thread producer([&] {
        Random random(1);
        for (size_t sent = 0; sent < total;) {
            Stamped *block = stamp(hak_alloc(block_size), block_size, 0, sent);
            while (Stamped *left = ring.exchange(sent % ring_size, block)) {
                block = left;
                std::this_thread::yield();
            }
            sent++;
        }
    });
    Random random(2);
    for (size_t received = 0; received < total;) {
        if (Stamped *block = ring.exchange(received % ring_size, nullptr)) {
            free_stamped(block, random);
            peak = received++ % 4096 == 0 ? std::max(peak, resident_bytes()) : peak;
        } else {
            std::this_thread::yield();
        }
    }
    producer.join();
    EXPECT_LE(statistics().committed_bytes, committed + 24 * MiB);
    if (!sanitizer) {
        EXPECT_LE(peak, resident + 16 * MiB);
    }
}
