// SPDX-License-Identifier: MIT
// hakmem_benchmark_latency <workload>/<threads>: how long single calls of the process's malloc and free take in it, in
// ns, the clock's own time in it. `nothing` is that time alone, taken in turn with the others.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>

#include "latency.hpp"
#include "workload.hpp"

namespace {

struct {
    const char *name;
    double share;
} constexpr QUANTILES[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}, {"max", 1}};

/// The two clocks at one moment.
struct Moment {
    const std::chrono::steady_clock::time_point time = std::chrono::steady_clock::now();
    const std::uint64_t ticks = ticks_before();
};

double nanoseconds_per_tick(const Moment &start)
{
    const Moment end;
    return std::chrono::duration<double, std::nano>(end.time - start.time).count() /
           static_cast<double>(end.ticks - start.ticks);
}

void print(const char *name, const Histogram &histogram, double nanoseconds)
{
    std::printf(",\n\"%s\": {\"calls\": %llu", name, static_cast<unsigned long long>(histogram.total()));
    for (const auto &quantile : QUANTILES) {
        const auto ticks = static_cast<double>(histogram.quantile(quantile.share));
        std::printf(", \"%s\": %.2f", quantile.name, ticks * nanoseconds);
    }
    std::printf("}");
}

} // namespace

int main(int argc, char **argv)
{
    allowed_processors();
    const Moment start;
    if (argc != 2 || !run_fixed_work(argv[1])) {
        std::fprintf(stderr, "usage: hakmem_benchmark_latency <workload>/<threads>\n");
        return EXIT_FAILURE;
    }
    const double nanoseconds = nanoseconds_per_tick(start);
    const Histogram nothing = recorded(NOTHING);
    std::printf("{\"tick\": %.4f, \"step\": %.4f", nanoseconds, static_cast<double>(nothing.step()) * nanoseconds);
    print("nothing", nothing, nanoseconds);
    print("malloc", recorded(MALLOC), nanoseconds);
    print("free", recorded(FREE), nanoseconds);
    std::puts("}");
    return EXIT_SUCCESS;
}
