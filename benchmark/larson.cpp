// SPDX-License-Identifier: MIT
// A server: each worker is a line of threads, one after the other. A thread replaces random blocks of the line's live
// set, then ends and leaves the set, with blocks of its own and of those before it, to its successor.
#include "workload.hpp"

namespace {

constexpr std::size_t LIVE_COUNT = 5'000;
constexpr std::int64_t REPLACEMENTS_PER_THREAD = 50'000;

struct Line {
    LiveSet set;
    Usage usage;
};

void *one_thread(void *argument)
{
    auto *line = static_cast<Line *>(argument);
    for (std::int64_t i = 0; i < REPLACEMENTS_PER_THREAD; ++i) {
        line->set.replace_one();
    }
    line->usage += Usage::of_this_thread();
    return nullptr;
}

void larson(benchmark::State &state)
{
    pin_this_thread(state.thread_index());
    Line line{{scaled(LIVE_COUNT), Sizes::uniform(8, 1'000), state.thread_index()}, {}};
    Report report(state);
    for (auto _ : state) {
        run_in_new_thread(one_thread, &line);
    }
    report.finish(REPLACEMENTS_PER_THREAD, line.usage);
}

const bool registered = register_workload("larson", larson, 200);

} // namespace
