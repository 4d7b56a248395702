// SPDX-License-Identifier: MIT
// hakmem_benchmark: the workloads over hak_*, for as long as Google Benchmark's options say.
#include <cstdlib>

#include "workload.hpp"

int main(int argc, char **argv)
{
    allowed_processors();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
        return EXIT_FAILURE;
    }
    for (const Workload &workload : all_workloads()) {
        benchmark::internal::Benchmark *entry = add_benchmark(workload);
        for (int threads : {1, 2, 4}) {
            entry->Threads(threads);
        }
    }
    benchmark::AddCustomContext("hakmem", hak_version());
    const std::size_t matched = benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return matched > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
