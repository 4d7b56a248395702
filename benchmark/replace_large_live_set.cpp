// SPDX-License-Identifier: MIT
// 400,000 live blocks, shared out evenly among the workers: far more than any cache holds, so that each replacement
// frees a block that was not touched for long.
#include "workload.hpp"

namespace {

void replace_large_live_set(benchmark::State &state)
{
    const std::size_t live_count = scaled(400'000) / static_cast<std::size_t>(state.threads());
    replace_own_set(state, live_count, Sizes::log_uniform(16, KiB));
}

const bool registered = register_workload("replace_large_live_set", replace_large_live_set, 2'000'000);

} // namespace
