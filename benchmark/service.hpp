// SPDX-License-Identifier: MIT
// A service over simulated days: what it holds and for how long shifts from hour to hour, as does its load. Free of
// Google Benchmark, so that a test can run it and look at the resident memory meanwhile.
//
//   requests   a few blocks of 16 B … 1 KiB and a buffer each, freed together when the request ends
//   sessions   records of 64 … 640 B that end at random, after 15 to 45 minutes in the mean, by the hour
//   entries    of a cache that takes what the sessions leave of 112 MiB; they expire after two to four hours, by the
//              hour, give or take a half. The size around which most of them lie drifts from hour to hour between 256 B
//              and 2 KiB; one in 128 is a document of 32 … 256 KiB
//
// Every byte of a block is written; its first word is its size.
#ifndef HAKMEM_BENCHMARK_SERVICE_HPP
#define HAKMEM_BENCHMARK_SERVICE_HPP

#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "allocator.hpp"
#include "random.hpp"

/// Blocks on their way from one worker to another: who puts one down frees what lay there.
class Exchange {
public:
    void *swap(std::uint64_t draw, void *block)
    {
        return cells_[index_of(draw, cells_.size())].exchange(block, std::memory_order_acq_rel);
    }
    std::array<std::atomic<void *>, 1024> &cells() { return cells_; }

private:
    std::array<std::atomic<void *>, 1024> cells_{};
};

/// One worker of the service; its sequence of sizes and lifetimes depends on the seed alone.
class Service {
public:
    static constexpr std::uint64_t TICKS_PER_HOUR = 360;

    /// `exchange`: where an eighth of what it holds goes to be freed by another worker; nullptr: there is none.
    Service(std::uint64_t seed, Exchange *exchange)
        : random_(seed), exchange_(exchange), places_(PLACES), due_(TICKS_AHEAD, NOWHERE), requests_(OPEN_REQUESTS)
    {
        for (std::size_t i = 0; i < QUANTILES; ++i) {
            decay_[i] = -std::log((static_cast<double>(i) + 0.5) / static_cast<double>(QUANTILES));
            scale_[i] = std::exp2(static_cast<double>(i) / static_cast<double>(QUANTILES));
        }
        for (std::uint32_t i = 0; i < PLACES; ++i) {
            places_[i] = {nullptr, i + 1 < PLACES ? i + 1 : NOWHERE};
        }
    }
    Service(const Service &) = delete;
    Service &operator=(const Service &) = delete;
    ~Service()
    {
        exchange_ = nullptr; // what is left is freed here
        for (Request &request : requests_) {
            end(request);
        }
        for (std::uint64_t i = 0; i < TICKS_AHEAD; ++i, ++now_) {
            free_what_is_due();
        }
    }

    /// Ten simulated seconds.
    void tick()
    {
        free_what_is_due();
        const double load = 0.75 + 0.25 * wave(24); // at night half as much as by day
        for (double i = 0; i < load * REQUESTS_PER_TICK; ++i) {
            serve_request();
        }
        const double session_ticks = TICKS_PER_HOUR * (0.5 + 0.25 * wave(7));
        for (double i = 0; i < load * SESSIONS_PER_TICK; ++i) {
            hold(64 + index_of(random_.next(), 577), session_ticks * decay_[random_.next() % QUANTILES]);
        }
        const double entry_ticks = TICKS_PER_HOUR * (3 + wave(10));
        const auto most = static_cast<std::size_t>(2 * HELD_BYTES / entry_ticks);
        for (std::size_t bytes = 0; bytes < most && held_bytes_ < HELD_BYTES;) {
            const std::size_t size = entry_size(random_.next());
            hold(size, entry_ticks * (0.5 + static_cast<double>(random_.next() % QUANTILES) / QUANTILES));
            bytes += size;
        }
        ++now_;
    }

    /// Bytes asked for and not freed; of all workers together, if they exchange blocks.
    std::int64_t live_bytes() const { return live_bytes_.load(std::memory_order_relaxed); }

private:
    static constexpr double REQUESTS_PER_TICK = 24, SESSIONS_PER_TICK = 240;
    static constexpr std::size_t HELD_BYTES = 112 * 1024 * 1024;
    static constexpr std::size_t OPEN_REQUESTS = 32, BLOCKS_PER_REQUEST = 16;
    static constexpr std::size_t QUANTILES = 1024, TICKS_AHEAD = 4096, PLACES = std::size_t{1} << 18;
    static constexpr std::uint32_t NOWHERE = UINT32_MAX;

    struct Place {
        void *block;
        std::uint32_t next; // due at the same tick, or unused
    };
    using Request = std::array<void *, BLOCKS_PER_REQUEST>;

    /// From -1 to 1 and back in so many hours.
    double wave(double hours) const
    {
        const double turns = static_cast<double>(now_) / (hours * static_cast<double>(TICKS_PER_HOUR));
        return std::sin(2 * 3.14159265358979 * turns);
    }

    /// Each size of these doublings is as likely as its double.
    std::size_t between(std::size_t smallest, unsigned doublings, std::uint64_t draw) const
    {
        const double scale = scale_[draw % QUANTILES] * static_cast<double>(smallest);
        return static_cast<std::size_t>(scale) << (draw >> 32) % doublings;
    }

    std::size_t entry_size(std::uint64_t draw) const
    {
        if (draw >> 57 == 0) {
            return between(32 * 1024, 3, draw);
        }
        const auto middle = static_cast<std::size_t>(std::exp2(9.5 + 1.5 * wave(11)));
        return middle / 2 + index_of(draw, middle);
    }

    void *allocate(std::size_t size)
    {
        void *const block = Allocator::allocate(size);
        if (block == nullptr) {
            std::abort();
        }
        std::memset(block, 1, size);
        std::memcpy(block, &size, sizeof size);
        live_bytes_.store(live_bytes() + static_cast<std::int64_t>(size), std::memory_order_relaxed);
        return block;
    }

    static std::size_t size_of(const void *block)
    {
        std::size_t size;
        std::memcpy(&size, block, sizeof size);
        return size;
    }

    void release(void *block)
    {
        if (block == nullptr) {
            return;
        }
        const std::size_t size = size_of(block);
        live_bytes_.store(live_bytes() - static_cast<std::int64_t>(size), std::memory_order_relaxed);
        Allocator::release(block);
    }

    void end(Request &request)
    {
        for (void *&block : request) {
            release(block);
            block = nullptr;
        }
    }

    void serve_request()
    {
        const std::uint64_t draw = random_.next();
        Request &request = requests_[index_of(draw, OPEN_REQUESTS)];
        end(request);
        for (std::size_t i = 1 + draw % 8; i < BLOCKS_PER_REQUEST; ++i) {
            request[i] = allocate(between(16, 6, random_.next()));
        }
        request[0] = allocate(between(2 * 1024, 4, random_.next()));
    }

    void hold(std::size_t size, double ticks)
    {
        const std::uint32_t index = unused_;
        if (index == NOWHERE) {
            std::abort();
        }
        Place &place = places_[index];
        std::uint32_t &due = due_[(now_ + 1 + static_cast<std::uint64_t>(ticks)) % TICKS_AHEAD];
        unused_ = place.next;
        place = {allocate(size), due};
        held_bytes_ += size;
        due = index;
    }

    void free_what_is_due()
    {
        std::uint32_t &due = due_[now_ % TICKS_AHEAD];
        while (due != NOWHERE) {
            const std::uint32_t index = due;
            Place &place = places_[index];
            const std::uint64_t draw = random_.next();
            held_bytes_ -= size_of(place.block);
            const bool passes_on = exchange_ != nullptr && draw >> 61 == 0;
            release(passes_on ? exchange_->swap(draw, place.block) : place.block);
            due = place.next;
            place.next = unused_;
            unused_ = index;
        }
    }

    Random random_;
    Exchange *exchange_;
    std::array<double, QUANTILES> decay_; // of an exponential distribution with the mean 1
    std::array<double, QUANTILES> scale_; // from 1 to 2, each quotient as likely as any other
    std::vector<Place> places_;
    std::vector<std::uint32_t> due_;
    std::vector<Request> requests_;
    std::uint32_t unused_ = 0;
    std::uint64_t now_ = 0;
    std::size_t held_bytes_ = 0;
    std::atomic<std::int64_t> live_bytes_{0};
};

#endif
