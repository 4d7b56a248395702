// SPDX-License-Identifier: MIT
// Thread-local objects and values of pthread keys whose destructors allocate and free, as long as the thread lives at
// all.
#include "program.h"

#include <pthread.h>

#include <atomic>
#include <climits>
#include <thread>

namespace {

constexpr int THREADS = 50;

std::atomic<int> objects_ended, rounds_run, late_ended;
pthread_key_t early_key, late_key;

struct Object {
    unsigned char *block = make_block(500);
    ~Object()
    {
        REQUIRE(work(50, 100000, 1));
        free_block(block);
        objects_ended++;
    }
};

thread_local Object object;

/** Sets its key again, so that it runs in every round that there is; the last value is lost. */
void run_in_every_round(void *value)
{
    rounds_run++;
    free_block(static_cast<unsigned char *>(value));
    REQUIRE(work(50, 100000, 2));
    unsigned char *again = make_block(300);
    REQUIRE(is_hakmems(again));
    REQUIRE(pthread_setspecific(early_key, again) == 0);
}

void run_late(void *value)
{
    free_block(static_cast<unsigned char *>(value));
    REQUIRE(work(50, 100000, 3));
    late_ended++;
}

void live(std::atomic<bool> &late)
{
    REQUIRE(is_whole(object.block));
    REQUIRE(pthread_setspecific(early_key, make_block(300)) == 0);
    REQUIRE(work(100, 300000, 4));
    while (!late) {
        std::this_thread::yield();
    }
    REQUIRE(pthread_setspecific(late_key, make_block(400)) == 0);
}

} // namespace

int main()
{
    REQUIRE(pthread_key_create(&early_key, run_in_every_round) == 0);
    std::atomic<bool> late{false};
    std::thread threads[THREADS];
    for (std::thread &thread : threads) {
        thread = std::thread([&] { live(late); });
    }
    for (int i = 0; i < 40; i++) { // so that its value lies where the C library has to allocate for it
        REQUIRE(pthread_key_create(&late_key, run_late) == 0);
    }
    late = true;
    for (std::thread &thread : threads) {
        thread.join();
    }
    REQUIRE(objects_ended == THREADS);
    REQUIRE(rounds_run == THREADS * PTHREAD_DESTRUCTOR_ITERATIONS);
    REQUIRE(late_ended == THREADS);
    return 0;
}
