// SPDX-License-Identifier: MIT
// A process's life around main(): allocates in early constructors, static objects, exit handlers and destructors, and
// ends while another thread still allocates. Succeeds by ending with 0.
#include "stamped.h"

#include <thread>

using namespace hak_test;

namespace {

constexpr int EXIT_HANDLERS = 100;

Stamped *made_early;
Stamped *made_by_exit_handlers[EXIT_HANDLERS];
int exit_handlers_run;

void use(uint64_t seed)
{
    Random random(seed);
    Stamped *block = make_stamped(random, 1 * MiB);
    block = resize_stamped(block, random, 1 * MiB);
    free_stamped(block, random);
}

__attribute__((constructor(101))) void run_before_static_objects()
{
    Random random(1);
    made_early = make_stamped(random, 64 * KiB);
    use(2);
}

/** Runs after every exit handler and static object. */
__attribute__((destructor(101))) void run_last()
{
    Random random(1);
    free_stamped(made_early, random);
    for (Stamped *&block : made_by_exit_handlers) {
        free_stamped(block, random);
    }
    use(3);
    std::thread([] { use(4); }).join();
    if (exit_handlers_run != EXIT_HANDLERS) {
        _exit(1);
    }
}

class Static {
public:
    Static() : block_(make_stamped(random_, 64 * KiB)) {}
    ~Static()
    {
        free_stamped(block_, random_);
        use(5);
    }

private:
    Random random_{6};
    Stamped *block_;
};

Static static_object;

void run_at_exit()
{
    Random random(7);
    made_by_exit_handlers[exit_handlers_run++] = make_stamped(random, 64 * KiB);
    use(8);
}

} // namespace

int main()
{
    for (int i = 0; i < EXIT_HANDLERS; i++) {
        atexit(run_at_exit);
    }
    std::atomic<bool> *started = new std::atomic<bool>(false);
    std::thread([started] {
        Random random(9);
        for (;;) {
            free_stamped(make_stamped(random, 64 * KiB), random);
            *started = true;
        }
    }).detach();
    while (!*started) {
        std::this_thread::yield();
    }
    use(10);
    exit(0);
}
