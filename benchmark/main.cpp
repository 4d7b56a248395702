// SPDX-License-Identifier: MIT
// hakmem_benchmark [Google Benchmark's options]   runs the workloads
// hakmem_benchmark --calibrate=N                  prints the seconds a fixed loop takes on the slowest of N processors
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "workload.hpp"

namespace {

double seconds_of_a_fixed_loop(int processor)
{
    pin_this_thread(processor);
    Random random(1);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 10'000'000; ++i) {
        benchmark::DoNotOptimize(random.next());
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double seconds_of_the_slowest(std::size_t processor_count)
{
    std::vector<double> seconds(std::clamp<std::size_t>(processor_count, 1, allowed_processors().size()));
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < seconds.size(); ++i) {
        threads.emplace_back([&seconds, i] { seconds[i] = seconds_of_a_fixed_loop(static_cast<int>(i)); });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    return *std::max_element(seconds.begin(), seconds.end());
}

} // namespace

int main(int argc, char **argv)
{
    allowed_processors();
    constexpr char CALIBRATE[] = "--calibrate=";
    if (argc == 2 && std::strncmp(argv[1], CALIBRATE, sizeof CALIBRATE - 1) == 0) {
        std::printf("%.6f\n", seconds_of_the_slowest(std::strtoul(argv[1] + sizeof CALIBRATE - 1, nullptr, 10)));
        return EXIT_SUCCESS;
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
        return EXIT_FAILURE;
    }
    benchmark::AddCustomContext("hakmem", hak_version());
#if defined(__clang__)
    benchmark::AddCustomContext("compiler", __VERSION__);
#else
    benchmark::AddCustomContext("compiler", "gcc " __VERSION__);
#endif
    const std::size_t matched = benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return matched > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
