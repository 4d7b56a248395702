// SPDX-License-Identifier: MIT
// A service whose load, sizes and lifetimes shift over simulated hours; see service.hpp. With more than one worker an
// eighth of what it holds for long is freed by another worker than the one that allocated it.
#include "service.hpp"

#include "workload.hpp"

namespace {

Exchange exchange;

void free_what_was_left()
{
    for (std::atomic<void *> &cell : exchange.cells()) {
        Allocator::release(cell.exchange(nullptr));
    }
}

void service(benchmark::State &state)
{
    pin_this_thread(state.thread_index());
    Service worker(static_cast<std::uint64_t>(state.thread_index()) + 1, state.threads() > 1 ? &exchange : nullptr);
    Report report(state);
    for (auto _ : state) {
        worker.tick();
    }
    report.finish(1);
    if (state.thread_index() == 0) {
        free_what_was_left();
    }
}

const bool registered = register_workload("service", service, 48 * Service::TICKS_PER_HOUR / 4);

} // namespace
