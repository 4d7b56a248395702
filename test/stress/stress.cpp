// SPDX-License-Identifier: MIT
// hakmem_stress --seconds=N --threads=N --seed=N
//
// Threads that replace one another pass stamped blocks over a board, through every allocating and freeing call, while
// the process forks, purges and shrinks now and then. Every block is checked by whoever gets it. At the end everything
// is freed and accounted for. Prints the seed, the number of operations, and "no finding" or the finding; ends with 0
// if there is none.
#include "front/stamped.h"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

using namespace hak_test;

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t OPERATIONS_PER_TURN = 500, LARGEST = 2 * MiB, PLACES = 4000;
constexpr std::chrono::milliseconds FORK_EVERY{300};
constexpr unsigned HANG_SECONDS = 120;

struct Settings {
    uint64_t seconds = 10, threads = 4, seed = std::random_device{}();
};

/* ---------------------------------------------------------------------------------------------------- work ---- */

void make_and_free_batch(Random &random)
{
    void *blocks[64] = {};
    size_t size = sizeof(Stamped) + random.below(2 * KiB);
    size_t obtained = hak_alloc_batch(size, 64, blocks);
    if (obtained != 64) {
        finding("a batch of %zu bytes gave %zu of 64", size, obtained);
    }
    for (void *block : blocks) {
        stamp(block, size, 0, random.next());
    }
    for (void *block : blocks) {
        check_stamped(static_cast<Stamped *>(block), size - sizeof(Stamped));
    }
    hak_free_batch(blocks, 64);
}

void grow_from_nothing(Random &random)
{
    Stamped *block = stamp(hak_alloc(sizeof(Stamped)), sizeof(Stamped), 0, random.next());
    for (size_t limit = 256; limit <= 4 * LARGEST; limit *= 2) {
        block = resize_stamped(block, random, limit);
    }
    free_stamped(block, random);
}

/** One of the operations that a board's own work does not have. */
void do_something_else(Random &random)
{
    switch (random.below(8)) {
    case 0:
        hak_purge(nullptr);
        break;
    case 1:
        grow_from_nothing(random);
        break;
    case 2:
        if (hak_calloc(opaque(SIZE_MAX / 2), 3) != nullptr || hak_alloc(opaque(SIZE_MAX)) != nullptr) {
            finding("an impossible size was served");
        }
        break;
    case 3:
        (void)statistics();
        break;
    default:
        make_and_free_batch(random);
    }
}

/* ---------------------------------------------------------------------------------- threads that end, forks ---- */

class Stress {
public:
    explicit Stress(const Settings &settings) : settings_(settings), random_(settings.seed), board_(PLACES) {}

    /** The number of operations done; a finding ends the process. */
    uint64_t run()
    {
        const hak_stats before = statistics();
        const Clock::time_point end = Clock::now() + std::chrono::seconds(settings_.seconds);
        lanes_.resize(settings_.threads);
        for (size_t lane = 0; lane < lanes_.size(); lane++) {
            start(lane);
        }
        Clock::time_point next_fork = Clock::now() + FORK_EVERY;
        while (Clock::now() < end) {
            replace_ended_threads();
            if (Clock::now() >= next_fork) {
                fork_and_wait();
                next_fork = Clock::now() + FORK_EVERY;
            }
        }
        stop_ = true;
        for (std::thread &lane : lanes_) {
            lane.join();
        }
        check_nothing_is_left(before);
        return operations_;
    }

private:
    void start(size_t lane)
    {
        lanes_[lane] = std::thread([this, lane, seed = random_.next()] {
            live(Random(seed));
            std::lock_guard<std::mutex> lock(mutex_);
            ended_.push_back(lane);
            one_ended_.notify_one();
        });
    }

    void live(Random random)
    {
        for (size_t turns = random.below(40); turns > 0 && !stop_; turns--) {
            board_.work(random, OPERATIONS_PER_TURN, LARGEST);
            do_something_else(random);
            operations_.fetch_add(OPERATIONS_PER_TURN + 1, std::memory_order_relaxed);
        }
    }

    void replace_ended_threads()
    {
        std::vector<size_t> ended;
        {
            std::unique_lock<std::mutex> lock(mutex_);
            one_ended_.wait_for(lock, std::chrono::milliseconds(20), [this] { return !ended_.empty(); });
            ended.swap(ended_);
        }
        for (size_t lane : ended) {
            lanes_[lane].join();
            start(lane);
        }
    }

    /** The child has the blocks of threads that it has not, and goes on with them. */
    void fork_and_wait()
    {
        const uint64_t seed = random_.next();
        pid_t child = fork();
        if (child == 0) {
            alarm(HANG_SECONDS);
            live_as_child(Random(seed));
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
            finding("child %d ended with status %d", static_cast<int>(child), status);
        }
    }

    [[noreturn]] void live_as_child(Random random)
    {
        board_.work(random, OPERATIONS_PER_TURN, LARGEST);
        if (!thread_sanitizer) {
            std::thread([this, seed = random.next()] { live(Random(seed)); }).join();
        }
        board_.clear(random);
        if (sanitizer) {
            _exit(0);
        }
        exit(0);
    }

    void check_nothing_is_left(const hak_stats &before)
    {
        board_.clear(random_);
        const hak_stats after = statistics();
        if (after.live_bytes != before.live_bytes || after.live_blocks != before.live_blocks) {
            finding("%llu bytes in %llu blocks are still live",
                    static_cast<unsigned long long>(after.live_bytes - before.live_bytes),
                    static_cast<unsigned long long>(after.live_blocks - before.live_blocks));
        }
        if (sum_of_parts(after) != after.committed_bytes) {
            finding("the parts add up to %llu bytes of %llu", static_cast<unsigned long long>(sum_of_parts(after)),
                    static_cast<unsigned long long>(after.committed_bytes));
        }
    }

    const Settings settings_;
    Random random_;
    Board board_;
    std::atomic<uint64_t> operations_{0};
    std::atomic<bool> stop_{false};
    std::vector<std::thread> lanes_;
    std::mutex mutex_;
    std::condition_variable one_ended_;
    std::vector<size_t> ended_; // lanes whose threads wait to be joined; guarded by mutex_
};

/* ------------------------------------------------------------------------------------------------ arguments ---- */

bool take_argument(const char *argument, const char *name, uint64_t *value)
{
    size_t length = strlen(name);
    if (strncmp(argument, name, length) != 0) {
        return false;
    }
    char *end;
    *value = strtoull(argument + length, &end, 0);
    return end != argument + length && *end == '\0';
}

Settings settings_from(int count, char **arguments)
{
    Settings settings;
    for (int i = 1; i < count; i++) {
        if (!take_argument(arguments[i], "--seconds=", &settings.seconds) &&
            !take_argument(arguments[i], "--threads=", &settings.threads) &&
            !take_argument(arguments[i], "--seed=", &settings.seed)) {
            fprintf(stderr, "usage: hakmem_stress [--seconds=N] [--threads=N] [--seed=N]\n");
            exit(2);
        }
    }
    return settings;
}

} // namespace

int main(int count, char **arguments)
{
    setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    const Settings settings = settings_from(count, arguments);
    printf("seed %llu, %llu threads, %llu seconds\n", static_cast<unsigned long long>(settings.seed),
           static_cast<unsigned long long>(settings.threads), static_cast<unsigned long long>(settings.seconds));
    uint64_t operations = Stress(settings).run();
    printf("%llu operations\nno finding\n", static_cast<unsigned long long>(operations));
    return 0;
}
