// SPDX-License-Identifier: MIT
// The library beside the shadow model, on one thread and on several at once.
#include "model.h"

#include <gtest/gtest.h>

using namespace hak_test;

namespace {

class RandomSource {
public:
    RandomSource(uint64_t seed, size_t operations) : random_(seed), left_(operations) {}

    bool more() { return left_ > 0 && left_-- > 0; }
    size_t below(size_t bound) { return random_.below(bound); }

private:
    Random random_;
    size_t left_;
};

std::string run_model(uint64_t seed, size_t operations)
{
    RandomSource source(seed, operations);
    return Model<RandomSource>(source).run();
}

constexpr size_t OPERATIONS = sanitizer ? 100000 : 1000000;

} // namespace

TEST(FrontModel, RandomSequencesAgree)
{
    uint64_t seed = seed_for("RandomSequencesAgree");
    EXPECT_EQ(run_model(seed, OPERATIONS), "");
}

TEST(FrontModel, ManyShortSequencesAgree)
{
    uint64_t seed = seed_for("ManyShortSequencesAgree");
    for (uint64_t i = 0; i < 200; i++) {
        ASSERT_EQ(run_model(seed + i, OPERATIONS / 1000), "") << "HAKMEM_TEST_SEED=" << seed + i;
    }
}

TEST(FrontModel, SequencesOfNewThreadsAgree)
{
    uint64_t seed = seed_for("SequencesOfNewThreadsAgree");
    for (uint64_t i = 0; i < 20; i++) {
        std::string failure;
        std::thread([&] { failure = run_model(seed + i, OPERATIONS / 100); }).join();
        ASSERT_EQ(failure, "") << "HAKMEM_TEST_SEED=" << seed + i;
    }
}
