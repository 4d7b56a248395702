// SPDX-License-Identifier: MIT
#include "fake_os/fake_os.h"

#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <random>

namespace {

constexpr size_t KiB = 1024;
constexpr size_t MiB = 1024 * KiB;

enum class State {
    RESERVED,
    TABLE,
    COMMITTED,
    FOREIGN
};

struct Piece {
    uintptr_t end;
    State state;
};

enum class Plan {
    NEVER,
    ONCE,
    FROM,
    PERCENT
};

struct Failing {
    Plan plan = Plan::NEVER;
    fake_os::Kind kind;
    size_t calls_left = 0;
    unsigned percent = 0;
    std::mt19937_64 random;
};

struct World {
    std::map<uintptr_t, Piece> pieces;
    std::vector<fake_os::Call> calls;
    Failing failing;
    size_t failures = 0;
    size_t page_bytes = 4 * KiB;
    size_t physical_bytes = 64 * MiB;
    size_t memory_limit_bytes = SIZE_MAX;
    size_t group_bytes = SIZE_MAX;
    size_t limit_bytes = SIZE_MAX;
    size_t mapped_bytes = 0;
    size_t commit_limit_bytes = SIZE_MAX;
    std::function<void()> during_commit;
    std::function<void()> during_purge;
    uint64_t now_ms = 1000000;
    bool privileged = false;
    bool fences_refused = false;
    size_t places_taken = 0;
    std::optional<unsigned> paged_percent;
    size_t moves_refused = 0;
    hak_os_result move_answer = HAK_OS_NO_MEMORY;
    uint64_t counts[HAK_OS_CALL_KINDS] = {};
    uint64_t failed_count = 0;
};

std::mutex mutex;
World world;

/** The lock and errno, for as long as a call lasts. */
class Entry {
public:
    Entry() : lock_(mutex) {}
    ~Entry() { errno = errno_; }
    Entry(const Entry &) = delete;
    Entry &operator=(const Entry &) = delete;

private:
    int errno_ = errno;
    std::lock_guard<std::mutex> lock_;
};

[[noreturn]] void broken_rule(const char *rule, uintptr_t address, size_t bytes)
{
    fprintf(stderr, "fake_os: %s: address %#zx, %zu bytes\n", rule, static_cast<size_t>(address), bytes);
    abort();
}

void require(bool condition, const char *rule, uintptr_t address, size_t bytes)
{
    if (!condition) {
        broken_rule(rule, address, bytes);
    }
}

void require_pages(uintptr_t address, size_t bytes)
{
    require(address % world.page_bytes == 0 && bytes % world.page_bytes == 0, "no multiple of the page", address,
            bytes);
    require(bytes != 0, "nothing asked for", address, bytes);
}

/* ---------------------------------------------------------------------------------------------- address space ---- */

void split(uintptr_t at)
{
    auto next = world.pieces.upper_bound(at);
    if (next == world.pieces.begin()) {
        return;
    }
    auto &[start, piece] = *std::prev(next);
    if (start < at && at < piece.end) {
        world.pieces.emplace(at, piece);
        piece.end = at;
    }
}

void forget(uintptr_t first, size_t bytes)
{
    split(first);
    split(first + bytes);
    world.pieces.erase(world.pieces.lower_bound(first), world.pieces.lower_bound(first + bytes));
}

void remember(uintptr_t first, size_t bytes, State state)
{
    forget(first, bytes);
    world.pieces.emplace(first, Piece{first + bytes, state});
}

bool overlaps(uintptr_t first, size_t bytes)
{
    auto next = world.pieces.lower_bound(first + bytes);
    return next != world.pieces.begin() && std::prev(next)->second.end > first;
}

/** Whether all of it is mapped, in a state that suits. */
template <class Suits>
bool covers(uintptr_t first, size_t bytes, Suits suits)
{
    auto next = world.pieces.upper_bound(first);
    if (next == world.pieces.begin()) {
        return false;
    }
    uintptr_t at = first;
    for (auto piece = std::prev(next); piece != world.pieces.end() && at < first + bytes; ++piece) {
        if (piece->first > at || piece->second.end <= at || !suits(piece->second.state)) {
            return false;
        }
        at = piece->second.end;
    }
    return at >= first + bytes;
}

bool covers_committed(uintptr_t first, size_t bytes)
{
    return covers(first, bytes, [](State state) { return state == State::COMMITTED; });
}

bool covers_ours(uintptr_t first, size_t bytes)
{
    return covers(first, bytes, [](State state) { return state != State::FOREIGN; });
}

bool covers_any(uintptr_t first, size_t bytes)
{
    return covers(first, bytes, [](State) { return true; });
}

size_t committed_in(uintptr_t first, uintptr_t end)
{
    size_t bytes = 0;
    for (const auto &[start, piece] : world.pieces) {
        uintptr_t from = std::max(first, start), to = std::min(end, piece.end);
        bytes += piece.state == State::COMMITTED && from < to ? to - from : 0;
    }
    return bytes;
}

bool fits_the_commit_limit(uintptr_t first, size_t bytes)
{
    return world.commit_limit_bytes == SIZE_MAX ||
           committed_in(0, UINTPTR_MAX) + bytes - committed_in(first, first + bytes) <= world.commit_limit_bytes;
}

/* -------------------------------------------------------------------------------------------------- failing ---- */

bool is_due(Failing &failing)
{
    switch (failing.plan) {
    case Plan::NEVER:
        return false;
    case Plan::PERCENT:
        return failing.random() % 100 < failing.percent;
    case Plan::ONCE:
        return failing.calls_left != 0 && --failing.calls_left == 0;
    case Plan::FROM:
        if (failing.calls_left > 1) {
            failing.calls_left--;
            return false;
        }
        return true;
    }
    return false;
}

bool fails(hak_os_call kind)
{
    Failing &failing = world.failing;
    if ((failing.kind && *failing.kind != kind) || !is_due(failing)) {
        return false;
    }
    world.failures++;
    return true;
}

bool note(hak_os_call kind, uintptr_t address, size_t bytes, bool done)
{
    world.calls.push_back({kind, address, bytes, done, false, {}});
    world.counts[kind]++;
    world.failed_count += !done;
    return done;
}

void run_once(std::function<void()> &meant)
{
    std::function<void()> action;
    {
        Entry entry;
        std::swap(action, meant);
    }
    if (action) {
        action();
    }
}

/* -------------------------------------------------------------------------------------------------- mapping ---- */

bool fits_the_limit(size_t bytes)
{
    return world.limit_bytes == SIZE_MAX || world.mapped_bytes + bytes <= world.limit_bytes;
}

/** At a multiple of the page that is played, which may be larger than the true one. */
uintptr_t map_aligned(size_t bytes, int protection)
{
    size_t page = world.page_bytes;
    void *mapped = mmap(nullptr, bytes + page, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) {
        return 0;
    }
    uintptr_t start = reinterpret_cast<uintptr_t>(mapped);
    uintptr_t aligned = (start + page - 1) & ~(page - 1);
    if (aligned != start) {
        munmap(mapped, aligned - start);
    }
    if (aligned != start + page) {
        munmap(reinterpret_cast<void *>(aligned + bytes), start + page - aligned);
    }
    return aligned;
}

void *map(hak_os_call kind, size_t bytes, int protection, State state)
{
    Entry entry;
    require_pages(0, bytes);
    uintptr_t mapped = fails(kind) || !fits_the_limit(bytes) ? 0 : map_aligned(bytes, protection);
    if (!note(kind, mapped, bytes, mapped != 0)) {
        return nullptr;
    }
    world.mapped_bytes += bytes;
    remember(mapped, bytes, state);
    return reinterpret_cast<void *>(mapped);
}

hak_os_result map_at(void *address, size_t bytes)
{
    if (fails(HAK_OS_COMMIT) || !fits_the_limit(bytes)) {
        return HAK_OS_NO_MEMORY;
    }
    if (world.places_taken != 0) {
        world.places_taken--;
        return HAK_OS_TAKEN;
    }
    void *mapped = mmap(address, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (mapped == MAP_FAILED) {
        return errno == EEXIST ? HAK_OS_TAKEN : HAK_OS_NO_MEMORY;
    }
    world.mapped_bytes += bytes;
    remember(reinterpret_cast<uintptr_t>(address), bytes, State::COMMITTED);
    return HAK_OS_DONE;
}

/** A move that fails leaves the target undefined, or no longer ours. */
hak_os_result refused_move(void *to, size_t bytes, hak_os_result answer)
{
    if (answer != HAK_OS_TAKEN) {
        memset(to, 0xa5, bytes);
        return answer;
    }
    remember(reinterpret_cast<uintptr_t>(to), bytes, State::FOREIGN);
    mprotect(to, bytes, PROT_NONE);
    return answer;
}

hak_os_result move(void *from, void *to, size_t bytes)
{
    if (fails(HAK_OS_REMAP)) {
        return refused_move(to, bytes, HAK_OS_NO_MEMORY);
    }
    if (world.moves_refused != 0) {
        world.moves_refused--;
        return refused_move(to, bytes, world.move_answer);
    }
    memcpy(to, from, bytes);
    return madvise(from, bytes, MADV_DONTNEED) == 0 ? HAK_OS_DONE : HAK_OS_NO_MEMORY;
}

} // namespace

/* -------------------------------------------------------------------------------------------- what tests call ---- */

namespace fake_os {

void reset()
{
    Entry entry;
    for (auto &[start, piece] : world.pieces) {
        munmap(reinterpret_cast<void *>(start), piece.end - start);
    }
    world = World{};
}

void fail_once(size_t n, Kind kind)
{
    Entry entry;
    world.failing = {Plan::ONCE, kind, n, 0, {}};
}

void fail_from(size_t n, Kind kind)
{
    Entry entry;
    world.failing = {Plan::FROM, kind, n, 0, {}};
}

void fail_percent(unsigned percent, uint64_t seed, Kind kind)
{
    Entry entry;
    world.failing = {Plan::PERCENT, kind, 0, percent, std::mt19937_64(seed)};
}

void fail_never()
{
    Entry entry;
    world.failing = {};
}

size_t failures()
{
    Entry entry;
    return world.failures;
}

void set_page_bytes(size_t bytes)
{
    Entry entry;
    world.page_bytes = bytes;
}

void set_physical_bytes(size_t bytes)
{
    Entry entry;
    world.physical_bytes = bytes;
}

void set_memory_limit_bytes(size_t bytes)
{
    Entry entry;
    world.memory_limit_bytes = bytes;
}

void set_group_bytes(size_t bytes)
{
    Entry entry;
    world.group_bytes = bytes;
}

void set_address_limit_bytes(size_t bytes)
{
    Entry entry;
    world.limit_bytes = bytes;
}

void set_commit_limit_bytes(size_t bytes)
{
    Entry entry;
    world.commit_limit_bytes = bytes;
}

size_t committed_bytes()
{
    Entry entry;
    return committed_in(0, UINTPTR_MAX);
}

void set_privileged(bool privileged)
{
    Entry entry;
    world.privileged = privileged;
}

void advance_ms(uint64_t ms)
{
    Entry entry;
    world.now_ms += ms;
}

void refuse_fences()
{
    Entry entry;
    world.fences_refused = true;
}

void take_places(size_t count)
{
    Entry entry;
    world.places_taken = count;
}

void refuse_moves(size_t count, hak_os_result answer)
{
    Entry entry;
    world.moves_refused = count;
    world.move_answer = answer;
}

void set_paged_percent(unsigned percent)
{
    Entry entry;
    world.paged_percent = percent;
}

void set_paged_unknown()
{
    Entry entry;
    world.paged_percent.reset();
}

void during_commit(std::function<void()> action)
{
    Entry entry;
    world.during_commit = std::move(action);
}

void during_purge(std::function<void()> action)
{
    Entry entry;
    world.during_purge = std::move(action);
}

std::vector<Call> calls()
{
    Entry entry;
    return world.calls;
}

std::vector<Call> calls(hak_os_call kind)
{
    std::vector<Call> all = calls();
    all.erase(std::remove_if(all.begin(), all.end(), [&](const Call &call) { return call.kind != kind; }), all.end());
    return all;
}

void forget_calls()
{
    Entry entry;
    world.calls.clear();
}

size_t purged_bytes()
{
    size_t bytes = 0;
    for (const Call &call : calls(HAK_OS_PURGE)) {
        bytes += call.done ? call.bytes : 0;
    }
    return bytes;
}

size_t mapped_bytes()
{
    Entry entry;
    return world.mapped_bytes;
}

bool is_committed(uintptr_t address, size_t bytes)
{
    Entry entry;
    return covers_committed(address, bytes);
}

} // namespace fake_os

/* --------------------------------------------------------------------------------------------- what boxes call ---- */

size_t hak_i_os_page_bytes(void)
{
    Entry entry;
    return world.page_bytes;
}

size_t hak_i_os_physical_bytes(void)
{
    Entry entry;
    return world.physical_bytes;
}

size_t hak_i_os_memory_limit_bytes(void)
{
    Entry entry;
    return std::min(world.memory_limit_bytes, world.physical_bytes);
}

size_t hak_i_os_address_limit_bytes(void)
{
    Entry entry;
    return world.limit_bytes;
}

bool hak_i_os_is_privileged(void)
{
    Entry entry;
    return world.privileged;
}

bool hak_i_os_is_loaders(const void *, bool (*)(const void *))
{
    return false; // this world has no loader
}

bool hak_i_os_can_fence_threads(void)
{
    Entry entry;
    return !world.fences_refused && syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

bool hak_i_os_fence_threads(void)
{
    return hak_i_os_can_fence_threads() && syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

uint64_t hak_i_os_now_ms(void)
{
    Entry entry;
    return world.now_ms;
}

void *hak_i_os_reserve(size_t bytes)
{
    return map(HAK_OS_RESERVE, bytes, PROT_NONE, State::RESERVED);
}

void *hak_i_os_reserve_table(size_t bytes)
{
    return map(HAK_OS_RESERVE, bytes, PROT_READ, State::TABLE);
}

void *hak_i_os_map(size_t bytes)
{
    return map(HAK_OS_COMMIT, bytes, PROT_READ | PROT_WRITE, State::COMMITTED);
}

enum hak_os_result hak_i_os_map_at(void *address, size_t bytes)
{
    Entry entry;
    uintptr_t first = reinterpret_cast<uintptr_t>(address);
    require_pages(first, bytes);
    require(!overlaps(first, bytes), "mapped over a mapping of ours", first, bytes);
    hak_os_result result = map_at(address, bytes);
    note(HAK_OS_COMMIT, first, bytes, result == HAK_OS_DONE);
    return result;
}

bool hak_i_os_commit(void *address, size_t bytes)
{
    run_once(world.during_commit);
    Entry entry;
    uintptr_t first = reinterpret_cast<uintptr_t>(address);
    require_pages(first, bytes);
    require(covers_ours(first, bytes), "committed outside a reservation", first, bytes);
    bool done = !fails(HAK_OS_COMMIT) && fits_the_commit_limit(first, bytes) &&
                mprotect(address, bytes, PROT_READ | PROT_WRITE) == 0;
    if (done) {
        remember(first, bytes, State::COMMITTED);
    }
    return note(HAK_OS_COMMIT, first, bytes, done);
}

bool hak_i_os_purge(void *address, size_t bytes)
{
    run_once(world.during_purge);
    Entry entry;
    uintptr_t first = reinterpret_cast<uintptr_t>(address);
    require_pages(first, bytes);
    require(covers_committed(first, bytes), "purged outside committed memory", first, bytes);
    bool done = !fails(HAK_OS_PURGE) && madvise(address, bytes, MADV_DONTNEED) == 0;
    return note(HAK_OS_PURGE, first, bytes, done);
}

bool hak_i_os_advise_huge(void *address, size_t bytes, bool huge)
{
    Entry entry;
    uintptr_t first = reinterpret_cast<uintptr_t>(address);
    require_pages(first, bytes);
    require(covers_ours(first, bytes), "advised outside a reservation", first, bytes);
    bool done = note(HAK_OS_ADVISE, first, bytes, !fails(HAK_OS_ADVISE));
    world.calls.back().huge = huge;
    return done;
}

void hak_i_os_name(void *address, size_t bytes, const char *name)
{
    Entry entry;
    uintptr_t first = reinterpret_cast<uintptr_t>(address);
    require_pages(first, bytes);
    require(covers_ours(first, bytes), "named outside a reservation", first, bytes);
    note(HAK_OS_NAME, first, bytes, true);
    world.calls.back().name = name;
}

void hak_i_os_release(void *address, size_t bytes)
{
    Entry entry;
    uintptr_t first = reinterpret_cast<uintptr_t>(address);
    require_pages(first, bytes);
    require(covers_any(first, bytes), "released what was not mapped", first, bytes);
    munmap(address, bytes);
    forget(first, bytes);
    world.mapped_bytes -= bytes;
    note(HAK_OS_RELEASE, first, bytes, true);
}

enum hak_os_result hak_i_os_move(void *from, void *to, size_t bytes)
{
    Entry entry;
    uintptr_t source = reinterpret_cast<uintptr_t>(from);
    uintptr_t target = reinterpret_cast<uintptr_t>(to);
    require_pages(source, bytes);
    require_pages(target, bytes);
    require(covers_committed(source, bytes), "moved from outside committed memory", source, bytes);
    require(covers_committed(target, bytes), "moved to outside committed memory", target, bytes);
    require(source + bytes <= target || target + bytes <= source, "moved onto itself", source, bytes);
    hak_os_result result = move(from, to, bytes);
    note(HAK_OS_REMAP, source, bytes, result == HAK_OS_DONE);
    return result;
}

uint64_t hak_i_os_calls(enum hak_os_call kind)
{
    Entry entry;
    return world.counts[kind];
}

uint64_t hak_i_os_failed_calls(void)
{
    Entry entry;
    return world.failed_count;
}

/* This world has no /proc. */

bool hak_i_os_usage(struct hak_os_usage *usage)
{
    *usage = {};
    return false;
}

bool hak_i_os_each_mapping(void (*)(void *arg, const struct hak_os_mapping *mapping), void *)
{
    return false;
}

size_t hak_i_os_paged_bytes(void *address, size_t bytes)
{
    Entry entry;
    uintptr_t first = reinterpret_cast<uintptr_t>(address);
    require_pages(first, bytes);
    require(covers_any(first, bytes), "asked about what is not mapped", first, bytes);
    return SIZE_MAX;
}

size_t hak_i_os_pagemap_bytes(const void *address, size_t bytes)
{
    Entry entry;
    uintptr_t first = reinterpret_cast<uintptr_t>(address);
    require_pages(first, bytes);
    require(bytes <= 512 * world.page_bytes, "asked about more than 512 pages", first, bytes);
    require(covers_committed(first, bytes), "asked about what is not mapped", first, bytes);
    return world.paged_percent ? bytes / 100 * *world.paged_percent : SIZE_MAX;
}

struct hak_os_group hak_i_os_group(void)
{
    Entry entry;
    return {world.group_bytes, world.memory_limit_bytes};
}

void hak_i_os_keep_stderr(void) {}

void hak_i_os_write_stderr(const char *, size_t) {}
