// SPDX-License-Identifier: MIT
// resident_service [--hours=N] [--workers=N] [--seed=N] [--mean=R] [--most=R]
//
// Runs the benchmark `service` over the malloc of the process for simulated hours, and looks at the resident memory
// six times an hour where 100 MiB and more are live. Prints the mean and the worst ratio of what is resident to what
// was asked for; ends with 0 if they are at most these.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <thread>

#include "front/support.h"
#include "service.hpp"

#pragma weak hak_stats_get // there is hakmem only where it is preloaded

namespace {

using hak_test::MiB;

struct Settings {
    std::uint64_t hours = 24, workers = 1, seed = 1;
    double mean = 1e9, most = 1e9;
};

constexpr std::int64_t LEAST_LIVE = 100 * MiB;
constexpr std::uint64_t TICKS_PER_LOOK = Service::TICKS_PER_HOUR / 6;

/// The ratios of resident to live memory, and where the memory was at the worst of them.
class Ratios {
public:
    void add(double ratio, std::uint64_t tick, std::int64_t live)
    {
        count_++;
        sum_ += ratio;
        if (ratio > worst_) {
            worst_ = ratio;
            tick_ = tick;
            live_ = live;
            parts_.size = sizeof parts_;
            if (hak_stats_get != nullptr) {
                hak_stats_get(&parts_);
            }
        }
    }

    double mean() const { return sum_ / static_cast<double>(count_); }
    double worst() const { return worst_; }
    std::uint64_t count() const { return count_; }

    void print() const
    {
        std::printf("%llu looks: mean %.3f, worst %.3f in hour %.1f with %.1f MiB live\n",
                    static_cast<unsigned long long>(count_), mean(), worst_,
                    static_cast<double>(tick_) / static_cast<double>(Service::TICKS_PER_HOUR), in_mib(live_));
        if (hak_stats_get != nullptr) {
#define PRINT(field, unit, sentence)                                                                                   \
    if (unit[0] == 'b')                                                                                                \
        std::printf("  " #field " %.1f MiB\n", in_mib(static_cast<std::int64_t>(parts_.field)));
            HAK_STATS(PRINT)
        }
    }

private:
    static double in_mib(std::int64_t bytes)
    {
        return static_cast<double>(bytes) / static_cast<double>(MiB);
    }

    std::uint64_t count_ = 0, tick_ = 0;
    double sum_ = 0, worst_ = 0;
    std::int64_t live_ = 0;
    hak_stats parts_ = {};
};

Exchange exchange;

std::int64_t live_bytes(const std::vector<std::unique_ptr<Service>> &workers)
{
    std::int64_t bytes = 0;
    for (const std::unique_ptr<Service> &worker : workers) {
        bytes += worker->live_bytes();
    }
    return bytes;
}

/// The tables of the workers are resident before.
Ratios run(const Settings &settings)
{
    std::vector<std::unique_ptr<Service>> workers;
    for (std::uint64_t i = 0; i < settings.workers; i++) {
        workers.push_back(std::make_unique<Service>(settings.seed + i, settings.workers > 1 ? &exchange : nullptr));
    }
    Ratios ratios;
    const std::size_t before = hak_test::resident_bytes();
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < settings.workers; i++) {
        threads.emplace_back([&, i] {
            for (std::uint64_t tick = 0; tick < settings.hours * Service::TICKS_PER_HOUR; tick++) {
                workers[i]->tick();
                const std::int64_t live = live_bytes(workers);
                if (i == 0 && tick % TICKS_PER_LOOK == 0 && live >= LEAST_LIVE) {
                    const std::size_t resident = hak_test::resident_bytes() - before;
                    ratios.add(static_cast<double>(resident) / static_cast<double>(live), tick, live);
                }
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    return ratios;
}

bool take_argument(const char *argument, const char *name, double *value)
{
    const std::size_t length = std::strlen(name);
    if (std::strncmp(argument, name, length) != 0) {
        return false;
    }
    char *end;
    *value = std::strtod(argument + length, &end);
    return end != argument + length && *end == '\0';
}

Settings settings_from(int count, char **arguments)
{
    Settings settings;
    for (int i = 1; i < count; i++) {
        double value = 0;
        if (take_argument(arguments[i], "--hours=", &value)) {
            settings.hours = static_cast<std::uint64_t>(value);
        } else if (take_argument(arguments[i], "--workers=", &value)) {
            settings.workers = static_cast<std::uint64_t>(value);
        } else if (take_argument(arguments[i], "--seed=", &value)) {
            settings.seed = static_cast<std::uint64_t>(value);
        } else if (!take_argument(arguments[i], "--mean=", &settings.mean) &&
                   !take_argument(arguments[i], "--most=", &settings.most)) {
            std::fprintf(stderr,
                         "usage: resident_service [--hours=N] [--workers=N] [--seed=N] [--mean=R] [--most=R]\n");
            std::exit(2);
        }
    }
    return settings;
}

} // namespace

int main(int count, char **arguments)
{
    const Settings settings = settings_from(count, arguments);
    const Ratios ratios = run(settings);
    ratios.print();
    return ratios.count() > 0 && ratios.mean() <= settings.mean && ratios.worst() <= settings.most ? 0 : 1;
}
