// SPDX-License-Identifier: MIT
// Free written memory stays within its bound, by hakmem's own count and by the kernel's, whatever up to four threads do
// in phases of growth and decay. Each time all of them rest, both are looked at.
#include "front/support.h"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>

using namespace hak_test;

namespace {

constexpr size_t LARGEST = 8 * MiB, MOST_HELD = 128 * MiB, STEPS = 100;
constexpr int ROUNDS = 60;

/** Thread stacks, GoogleTest, and what the C library keeps. */
constexpr size_t OTHERS_BYTES = 3 * MiB;

struct Block {
    char *bytes;
    size_t size;
};

/** Half of the sizes are at most 4 KiB, and each doubling is as likely as any other. */
size_t random_size(Random &random)
{
    const size_t doublings = random.below(2) == 0 ? 12 : 23;
    return 1 + random.below(size_t{1} << (1 + random.below(doublings)));
}

Block allocate_written(Random &random)
{
    const size_t size = std::min(random_size(random), LARGEST);
    char *bytes = static_cast<char *>(hak_alloc(size));
    for (size_t at = 0; at < size; at += 4 * KiB) {
        bytes[at] = 1;
    }
    return {bytes, size};
}

/** What all threads hold together, so that most blocks are freed by another thread than the one that allocated them. */
class Held {
public:
    void put(Block block)
    {
        std::lock_guard<std::mutex> lock(mutex_);
        blocks_.push_back(block);
        bytes_ += block.size;
    }

    void take_and_free(Random &random)
    {
        Block block{nullptr, 0};
        {
            std::lock_guard<std::mutex> lock(mutex_);
            if (blocks_.empty()) {
                return;
            }
            std::swap(blocks_[random.below(blocks_.size())], blocks_.back());
            block = blocks_.back();
            blocks_.pop_back();
            bytes_ -= block.size;
        }
        hak_free(block.bytes);
    }

    size_t bytes()
    {
        std::lock_guard<std::mutex> lock(mutex_);
        return bytes_;
    }

private:
    std::mutex mutex_;
    std::vector<Block> blocks_;
    size_t bytes_ = 0;
};

void grow_or_decay(Held &held, Random &random, size_t growing_percent)
{
    for (size_t step = 0; step < STEPS; step++) {
        if (random.below(100) < growing_percent && held.bytes() < MOST_HELD) {
            held.put(allocate_written(random));
        } else {
            held.take_and_free(random);
        }
    }
}

struct Limits {
    const char *name, *dirty_min, *dirty_percent, *reuse_max;
    uint64_t min_bytes, percent, credit_bytes;
};

uint64_t held_bytes(const hak_stats &stats)
{
    return stats.live_bytes + stats.slack_bytes + stats.cached_bytes + stats.partial_bytes + stats.remote_bytes;
}

uint64_t bound(const Limits &limits, const hak_stats &stats)
{
    return std::max(limits.min_bytes, held_bytes(stats) * limits.percent / 100) + limits.credit_bytes;
}

class ResidentBound : public testing::TestWithParam<Limits> {
protected:
    void SetUp() override
    {
        hak_purge(nullptr);
        set("dirty_min", GetParam().dirty_min);
        set("dirty_percent", GetParam().dirty_percent);
        set("reuse_max", GetParam().reuse_max);
        before_ = resident_bytes() - held_bytes(statistics());
    }
    void TearDown() override
    {
        set("dirty_min", "16M");
        set("dirty_percent", "25");
        set("reuse_max", "64M");
    }

    /** This thread goes on from round to round; up to three others end with each. */
    void work(Random &random)
    {
        const size_t growing_percent = random.below(2) == 0 ? 35 : 65;
        std::vector<std::thread> threads(random.below(4));
        for (std::thread &thread : threads) {
            thread = std::thread([&, seed = random.next()] {
                Random own(seed);
                grow_or_decay(held_, own, growing_percent);
            });
        }
        grow_or_decay(held_, random, growing_percent);
        for (std::thread &thread : threads) {
            thread.join();
        }
    }

    /** No thread is inside hakmem. */
    void look()
    {
        if (GetParam().percent != 0) {
            hak_free(hak_alloc(LARGEST)); // with this slow call, its holes follow a bound that others lowered
        }
        const hak_stats stats = statistics();
        ASSERT_LE(stats.dirty_bytes + stats.partial_dirty_bytes, bound(GetParam(), stats));
        if (!sanitizer) {
            const uint64_t written = held_bytes(stats) + bound(GetParam(), stats) + stats.metadata_bytes;
            ASSERT_LE(resident_bytes(), before_ + written + OTHERS_BYTES);
        }
        most_dirty_ = std::max(most_dirty_, stats.dirty_bytes);
        most_held_ = std::max(most_held_, held_bytes(stats));
    }

    void free_all(Random &random)
    {
        while (held_.bytes() != 0) {
            held_.take_and_free(random);
        }
    }

    Held held_;
    size_t before_ = 0;
    uint64_t most_dirty_ = 0, most_held_ = 0;

private:
    static void set(const char *option, const char *value) { ASSERT_EQ(hak_option_set(option, value), 0) << option; }
};

constexpr Limits NEVER_GIVEN_BACK{"Never", "16M", "-1", "0", 0, 0, 0};

class ResidentWithoutBound : public ResidentBound {};

} // namespace

TEST_P(ResidentBound, HoldsAtEveryLook)
{
    Random random(seed_for("HoldsAtEveryLook"));
    const uint64_t purged = statistics().purged_bytes;
    for (int round = 0; round < ROUNDS; round++) {
        work(random);
        ASSERT_NO_FATAL_FAILURE(look()) << "round " << round;
    }
    EXPECT_GT(statistics().purged_bytes, purged) << "the bound was never reached";
    EXPECT_GT(most_held_, MOST_HELD / 8);
    free_all(random);
    ASSERT_NO_FATAL_FAILURE(look()) << "nothing is held";
    printf("at most %.1f MiB dirty, %.1f MiB held\n", static_cast<double>(most_dirty_) / MiB,
           static_cast<double>(most_held_) / MiB);
}

INSTANTIATE_TEST_SUITE_P(Options, ResidentBound,
                         testing::Values(Limits{"Nothing", "0", "0", "0", 0, 0, 0},
                                         Limits{"Least", "4M", "0", "0", 4 * MiB, 0, 0},
                                         Limits{"Share", "0", "25", "0", 0, 25, 0},
                                         Limits{"NoCredit", "16M", "25", "0", 16 * MiB, 25, 0},
                                         Limits{"Default", "16M", "25", "64M", 16 * MiB, 25, 64 * MiB}),
                         [](const auto &parameter) { return parameter.param.name; });

TEST_P(ResidentWithoutBound, NothingIsGivenBack)
{
    Random random(seed_for("NothingIsGivenBack"));
    const uint64_t purged = statistics().purged_bytes;
    while (held_.bytes() < MOST_HELD / 2) {
        held_.put(allocate_written(random));
    }
    const size_t resident = resident_bytes();
    free_all(random);
    EXPECT_EQ(statistics().purged_bytes, purged);
    if (!sanitizer) {
        EXPECT_GT(resident_bytes() + 4 * MiB, resident);
    }
    EXPECT_GT(hak_purge(nullptr), MOST_HELD / 4);
}

INSTANTIATE_TEST_SUITE_P(Options, ResidentWithoutBound, testing::Values(NEVER_GIVEN_BACK),
                         [](const auto &parameter) { return parameter.param.name; });
