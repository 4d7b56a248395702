// SPDX-License-Identifier: MIT
// hakmem_benchmark_malloc: the workloads over the malloc of the process, one at a time and a fixed amount of each.
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "workload.hpp"

namespace {

constexpr char USAGE[] =
    "usage: hakmem_benchmark_malloc --list             print the names of the workloads\n"
    "       hakmem_benchmark_malloc --run=NAME/THREADS run one with 1, 2, 4, 8, or 16 threads; print its wall time\n"
    "                                                  and the resident set: its peak and what is left of it now\n"
    "                                                  that every block is freed\n"
    "       hakmem_benchmark_malloc --spin=PROCESSORS  print the seconds that a fixed loop takes on the slowest\n"
    "       hakmem_benchmark_malloc --facts            print the compiler and the file that malloc comes from\n";

/// The value of `--<name>=<value>`, or nullptr.
const char *value_of(const char *argument, const char *name)
{
    const std::size_t length = std::strlen(name);
    return std::strncmp(argument, name, length) == 0 && argument[length] == '=' ? argument + length + 1 : nullptr;
}

int fail(const char *what, const char *value)
{
    std::fprintf(stderr, "hakmem_benchmark_malloc: %s '%s'\n%s", what, value, USAGE);
    return EXIT_FAILURE;
}

int list()
{
    for (const Workload &workload : all_workloads()) {
        std::puts(workload.name.c_str());
    }
    return EXIT_SUCCESS;
}

int run(const char *name)
{
    if (!run_fixed_work(name)) {
        return fail("there is no workload and number of threads", name);
    }
    const double rss_after_free_bytes = rss_bytes();
    std::printf("{\"seconds\": %.9f, \"peak_rss_bytes\": %.0f, \"rss_after_free_bytes\": %.0f}\n", seconds_in_loops(),
                peak_rss_bytes(), rss_after_free_bytes);
    return EXIT_SUCCESS;
}

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

int spin(const char *processors)
{
    const std::size_t count = std::strtoul(processors, nullptr, 10);
    if (count < 1 || count > allowed_processors().size()) {
        return fail("this process may not use as many processors as", processors);
    }
    std::vector<double> seconds(count);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count; ++i) {
        threads.emplace_back([&seconds, i] { seconds[i] = seconds_of_a_fixed_loop(static_cast<int>(i)); });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    std::printf("%.6f\n", *std::max_element(seconds.begin(), seconds.end()));
    return EXIT_SUCCESS;
}

int facts()
{
#if defined(__clang__)
    constexpr char COMPILER[] = __VERSION__;
#else
    constexpr char COMPILER[] = "gcc " __VERSION__;
#endif
    Dl_info info;
    if (dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info) == 0) {
        return fail("no file has the symbol", "malloc");
    }
    std::printf("%s\n%s\n", COMPILER, info.dli_fname);
    return EXIT_SUCCESS;
}

} // namespace

int main(int argc, char **argv)
{
    allowed_processors();
    const char *argument = argc == 2 ? argv[1] : "";
    if (std::strcmp(argument, "--list") == 0) {
        return list();
    }
    if (const char *name = value_of(argument, "--run")) {
        return run(name);
    }
    if (const char *processors = value_of(argument, "--spin")) {
        return spin(processors);
    }
    if (std::strcmp(argument, "--facts") == 0) {
        return facts();
    }
    return fail("one of the options below is needed, not", argument);
}
