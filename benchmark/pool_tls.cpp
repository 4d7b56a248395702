// SPDX-License-Identifier: MIT
// Blocks of a few pages; each worker replaces random ones of a small live set of its own.
#include "workload.hpp"

namespace {

void pool_tls(benchmark::State &state)
{
    replace_own_set(state, scaled(64), Sizes::uniform(8 * KiB, 52 * KiB));
}

const bool registered = register_workload("pool_tls", pool_tls, 2'000'000);

} // namespace
