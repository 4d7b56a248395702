// SPDX-License-Identifier: MIT
// A stand-in for the box os_boundary, linked in its place: real memory underneath, and calls that fail, pages, limits
// and a clock as a test wants them. It ends the process where a box breaks the rules of os_boundary.h: an argument that
// is no multiple of the page, a commit outside a reservation, a purge or a move outside committed memory.
#ifndef HAKMEM_TEST_FAKE_OS_H
#define HAKMEM_TEST_FAKE_OS_H

#include "os_boundary/os_boundary.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace fake_os {

struct Call {
    hak_os_call kind;
    uintptr_t address;
    size_t bytes;
    bool done;
    bool huge;          ///< of HAK_OS_ADVISE: what was asked for
    std::string name{}; ///< of HAK_OS_NAME
};

/** Kinds of calls that are meant; none named: all that can fail. */
using Kind = std::optional<hak_os_call>;

/** Unmaps all that is still mapped and forgets every setting, count and call. No box may be in use. */
void reset();

/** The n-th call from now on fails; 1 is the next. */
void fail_once(size_t n, Kind kind = {});
/** So do all behind it. */
void fail_from(size_t n, Kind kind = {});
/** Each call fails with this probability. */
void fail_percent(unsigned percent, uint64_t seed, Kind kind = {});
void fail_never();
/** How many calls failed by the settings above, since reset(). */
size_t failures();

/** 4 KiB (as after reset()), 16 KiB or 64 KiB. */
void set_page_bytes(size_t bytes);
/** 64 MiB after reset(), so that the range and walks over it stay small. */
void set_physical_bytes(size_t bytes);
/** What the control groups leave; all of the physical memory after reset(). */
void set_memory_limit_bytes(size_t bytes);
/** What they use; unknown after reset(). */
void set_group_bytes(size_t bytes);
/** What RLIMIT_AS says; what is mapped is held to it, too. None after reset(). */
void set_address_limit_bytes(size_t bytes);

/** So much may be committed, as with vm.overcommit_memory=2 or RLIMIT_DATA; any amount after reset(). */
void set_commit_limit_bytes(size_t bytes);
size_t committed_bytes();

void set_privileged(bool privileged);

void advance_ms(uint64_t ms);

/** hak_i_os_fence_threads() says that the system cannot. */
void refuse_fences();

/** The next `count` places asked for by hak_i_os_map_at() are taken. */
void take_places(size_t count);
/** The next `count` calls of hak_i_os_move() answer so, which is not HAK_OS_DONE. */
void refuse_moves(size_t count, hak_os_result answer);

/** What hak_i_os_pagemap_bytes() finds of any memory; unknown after reset(). */
void set_paged_percent(unsigned percent);
void set_paged_unknown();

/** Runs this in the middle of the next hak_i_os_commit(), as another thread might. */
void during_commit(std::function<void()> action);
/** The same at the start of the next hak_i_os_purge(). */
void during_purge(std::function<void()> action);

/** The calls since reset() or forget_calls(). */
std::vector<Call> calls();
std::vector<Call> calls(hak_os_call kind);
void forget_calls();
/** What purging calls gave back since then. */
size_t purged_bytes();

/** Address space mapped now, in bytes. */
size_t mapped_bytes();
/** Whether these bytes are all readable and writable now. */
bool is_committed(uintptr_t address, size_t bytes);

/**
 * Runs the scenario with its first call failing, then with its second, and so on until it runs through without a
 * failure. Each run starts with reset(). Returns the number of runs with a failure.
 */
template <class Scenario>
size_t fail_each_call(Scenario scenario)
{
    for (size_t n = 1;; n++) {
        reset();
        fail_once(n);
        scenario();
        if (failures() == 0) {
            return n - 1;
        }
    }
}

} // namespace fake_os

#endif
