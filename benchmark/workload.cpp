// SPDX-License-Identifier: MIT
#include "workload.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <utility>

namespace {

void stop_if(int error, const char *what)
{
    if (error != 0) {
        std::fprintf(stderr, "hakmem_benchmark: %s: %s\n", what, std::strerror(error));
        std::exit(EXIT_FAILURE);
    }
}

std::vector<int> read_affinity()
{
    cpu_set_t set;
    stop_if(sched_getaffinity(0, sizeof set, &set) == 0 ? 0 : errno, "sched_getaffinity");
    std::vector<int> processors;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &set)) {
            processors.push_back(cpu);
        }
    }
    return processors;
}

double unit_interval(Random &random)
{
    return static_cast<double>(random.next() >> 11) * 0x1p-53;
}

/// 0 where the kernel says nothing of it.
double bytes_in_status(const std::string &name)
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.rfind(name, 0) == 0) {
            return std::strtod(line.c_str() + name.size(), nullptr) * static_cast<double>(KiB);
        }
    }
    return 0;
}

/// What all workers of a loop share: between its two barriers all of them are inside.
class LoopClock {
public:
    void arrive(int workers)
    {
        const std::lock_guard<std::mutex> guard(mutex_);
        last_arrival_ = std::chrono::steady_clock::now();
        is_running_ = ++arrived_ == workers;
    }
    void leave()
    {
        const auto now = std::chrono::steady_clock::now();
        const std::lock_guard<std::mutex> guard(mutex_);
        if (is_running_) {
            seconds_ += std::chrono::duration<double>(now - last_arrival_).count();
            is_running_ = false;
            arrived_ = 0;
        }
    }
    bool is_running() const { return is_running_.load(std::memory_order_relaxed); }
    double seconds() const { return seconds_; }

private:
    std::mutex mutex_;
    std::chrono::steady_clock::time_point last_arrival_;
    int arrived_ = 0;
    std::atomic<bool> is_running_{false}; // read by workers at any time
    double seconds_ = 0;
};

LoopClock loop_clock;

/// Google Benchmark's own figures are means over the workers; seconds_in_loops() is wanted instead.
class Silence : public benchmark::BenchmarkReporter {
public:
    bool ReportContext(const Context &) override { return true; }
    void ReportRuns(const std::vector<Run> &) override {}
};

void run_fixed_work(const Workload &workload, int threads)
{
    const auto work = static_cast<std::int64_t>(scaled(static_cast<std::size_t>(workload.fixed_work)));
    add_benchmark(workload)->Threads(threads)->Iterations(std::max<std::int64_t>(work / threads, 1));
    Silence silence;
    benchmark::RunSpecifiedBenchmarks(&silence);
}

} // namespace

std::size_t scaled(std::size_t full)
{
    static const bool quick = std::getenv("HAKMEM_BENCHMARK_QUICK") != nullptr;
    return quick ? std::min(full, std::max<std::size_t>(full / 64, 8)) : full;
}

double peak_rss_bytes()
{
    return bytes_in_status("VmHWM:");
}

double rss_bytes()
{
    return bytes_in_status("VmRSS:");
}

const std::vector<int> &allowed_processors()
{
    static const std::vector<int> processors = read_affinity();
    return processors;
}

void pin_this_thread(int index)
{
    const std::vector<int> &processors = allowed_processors();
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processors[static_cast<std::size_t>(index) % processors.size()], &set);
    stop_if(sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : errno, "sched_setaffinity");
}

Usage Usage::of_this_thread()
{
    rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    timespec processor_time; // getrusage's lags by up to a tick, which is the life of a short thread
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &processor_time);
    return {static_cast<double>(usage.ru_minflt + usage.ru_majflt),
            static_cast<double>(processor_time.tv_sec) + static_cast<double>(processor_time.tv_nsec) * 1e-9};
}

Usage &Usage::operator+=(const Usage &other)
{
    page_faults += other.page_faults;
    processor_seconds += other.processor_seconds;
    return *this;
}

Usage Usage::operator-(const Usage &other) const
{
    return {page_faults - other.page_faults, processor_seconds - other.processor_seconds};
}

void run_in_new_thread(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    stop_if(pthread_create(&thread, nullptr, body, argument), "pthread_create");
    stop_if(pthread_join(thread, nullptr), "pthread_join");
}

Sizes Sizes::uniform(std::size_t smallest, std::size_t largest)
{
    Sizes sizes;
    Random random(1);
    for (std::uint32_t &size : sizes.table_) {
        size = static_cast<std::uint32_t>(smallest + random.next() % (largest - smallest + 1));
    }
    return sizes;
}

Sizes Sizes::log_uniform(std::size_t smallest, std::size_t largest)
{
    Sizes sizes;
    Random random(1);
    const double ratio = static_cast<double>(largest) / static_cast<double>(smallest);
    for (std::uint32_t &size : sizes.table_) {
        size = static_cast<std::uint32_t>(static_cast<double>(smallest) * std::pow(ratio, unit_interval(random)));
    }
    return sizes;
}

Report::Report(benchmark::State &state) : state_(state), at_start_(Usage::of_this_thread())
{
    loop_clock.arrive(state.threads());
}

void Report::finish(std::int64_t items_per_iteration, const Usage &of_other_threads)
{
    loop_clock.leave();
    Usage usage = Usage::of_this_thread() - at_start_;
    usage += of_other_threads;
    const std::int64_t items = static_cast<std::int64_t>(state_.iterations()) * items_per_iteration;
    state_.SetItemsProcessed(items);
    // Google Benchmark adds the counters of all workers up.
    state_.counters["items"] = static_cast<double>(items);
    state_.counters["page_faults"] = usage.page_faults;
    state_.counters["processor_seconds"] = usage.processor_seconds;
    state_.counters["peak_rss_bytes"] = state_.thread_index() == 0 ? peak_rss_bytes() : 0;
}

double seconds_in_loops()
{
    return loop_clock.seconds();
}

bool all_workers_are_in_loop()
{
    return loop_clock.is_running();
}

std::vector<Workload> &all_workloads()
{
    static std::vector<Workload> workloads;
    return workloads;
}

benchmark::internal::Benchmark *add_benchmark(const Workload &workload)
{
    benchmark::internal::Benchmark *entry = benchmark::RegisterBenchmark(workload.name.c_str(), workload.body);
    for (std::int64_t argument : workload.arguments) {
        entry->Arg(argument);
    }
    return entry->UseRealTime();
}

bool run_fixed_work(const std::string &name)
{
    for (const Workload &workload : all_workloads()) {
        for (int threads = 1; threads <= MOST_THREADS; threads *= 2) {
            if (name == workload.name + "/" + std::to_string(threads)) {
                run_fixed_work(workload, threads);
                return true;
            }
        }
    }
    return false;
}

bool register_workload(const char *name, Body *body, std::int64_t fixed_work, std::vector<std::int64_t> arguments)
{
    all_workloads().push_back({name, body, fixed_work, std::move(arguments)});
    return true;
}
