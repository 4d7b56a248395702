// SPDX-License-Identifier: MIT
// Small blocks of mixed sizes; each worker replaces random ones of a live set that fits in the processor's cache.
#include "workload.hpp"

namespace {

void random_mixed(benchmark::State &state)
{
    replace_own_set(state, scaled(1'000), Sizes::uniform(128, KiB));
}

const bool registered = register_workload("random_mixed", random_mixed, 8'000'000);

} // namespace
