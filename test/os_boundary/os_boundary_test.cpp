// SPDX-License-Identifier: MIT
// The real box, on the system at hand.
#include "os_boundary/os_boundary.h"

#include "base/bits.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <thread>
#include <vector>

namespace {

const size_t page = hak_i_os_page_bytes();

/** A reservation that goes back at the end. */
class Range {
public:
    explicit Range(size_t pages) : bytes_(pages * page), start_(static_cast<char *>(hak_i_os_reserve(bytes_))) {}
    ~Range() { munmap(start_, bytes_); }
    Range(const Range &) = delete;
    Range &operator=(const Range &) = delete;

    char *at(size_t index) const { return start_ + index * page; }

private:
    size_t bytes_;
    char *start_;
};

bool reads_as(const char *memory, size_t bytes, char value)
{
    return std::all_of(memory, memory + bytes, [=](char byte) { return byte == value; });
}

bool is_mapped(const void *address)
{
    unsigned char resident;
    return mincore(const_cast<void *>(address), page, &resident) == 0;
}

/** Runs the call and returns how many calls of the kind it made. */
template <class Action>
uint64_t calls_made(hak_os_call kind, Action action)
{
    uint64_t before = hak_i_os_calls(kind);
    action();
    return hak_i_os_calls(kind) - before;
}

bool pagemap_can_be_read()
{
    uint64_t entry;
    int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    bool known = file >= 0 && read(file, &entry, sizeof entry) == sizeof entry; // of address 0, mapped or not
    close(file);
    return known;
}

bool move_loses_target;

} // namespace

/** The kernel's, which may have unmapped the target by the time it finds that it has no memory. */
extern "C" void *mremap(void *address, size_t bytes, size_t new_bytes, int flags,
                        ...) noexcept(noexcept(::mremap(address, bytes, new_bytes, flags)))
{
    va_list arguments;
    va_start(arguments, flags);
    void *target = va_arg(arguments, void *);
    va_end(arguments);
    if (move_loses_target) {
        munmap(target, new_bytes);
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return reinterpret_cast<void *>(syscall(SYS_mremap, address, bytes, new_bytes, flags, target));
}

TEST(OsBoundary, KnowsTheMachine)
{
    EXPECT_TRUE(hak_is_power_of_two(page));
    EXPECT_GE(page, 4096u);
    EXPECT_EQ(hak_i_os_physical_bytes(), static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * page);
}

TEST(OsBoundary, FencesThreads)
{
    errno = ERANGE;
    EXPECT_TRUE(hak_i_os_fence_threads());
    EXPECT_TRUE(hak_i_os_fence_threads());
    EXPECT_EQ(errno, ERANGE);
}

TEST(OsBoundary, ATestIsNotPrivileged)
{
    EXPECT_FALSE(hak_i_os_is_privileged());
}

TEST(OsBoundary, ClockNeverRunsBack)
{
    uint64_t last = hak_i_os_now_ms();
    uint64_t first = last;
    for (int i = 0; i < 30; i++) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        uint64_t now = hak_i_os_now_ms();
        ASSERT_GE(now, last);
        last = now;
    }
    EXPECT_GE(last - first, 15u);
}

TEST(OsBoundary, ReservedMemoryIsUsableOnceCommitted)
{
    Range range(16);
    ASSERT_NE(range.at(0), nullptr);
    ASSERT_TRUE(hak_i_os_commit(range.at(4), 4 * page));
    EXPECT_TRUE(reads_as(range.at(4), 4 * page, 0));
    memset(range.at(4), 1, 4 * page);
    ASSERT_TRUE(hak_i_os_commit(range.at(2), 4 * page));
    EXPECT_TRUE(reads_as(range.at(2), 2 * page, 0));
    EXPECT_TRUE(reads_as(range.at(4), 4 * page, 1));
}

TEST(OsBoundaryDeathTest, ReservedMemoryHasNoAccess)
{
    Range range(4);
    ASSERT_TRUE(hak_i_os_commit(range.at(1), page));
    *range.at(1) = 1;
    EXPECT_DEATH(*static_cast<volatile char *>(range.at(0)) = 1, "");
    EXPECT_DEATH((void)*static_cast<volatile char *>(range.at(2)), "");
}

TEST(OsBoundary, TablesReadAsZeroAndAreWrittenPiecewise)
{
    char *table = static_cast<char *>(hak_i_os_reserve_table(16 * page));
    ASSERT_NE(table, nullptr);
    EXPECT_TRUE(reads_as(table, 16 * page, 0));
    ASSERT_TRUE(hak_i_os_commit(table + page, page));
    table[page] = 1;
    EXPECT_TRUE(reads_as(table + 2 * page, 14 * page, 0));
    hak_i_os_release(table, 16 * page);
}

TEST(OsBoundary, MapsMemoryThatReadsAsZero)
{
    char *memory = static_cast<char *>(hak_i_os_map(16 * page));
    ASSERT_NE(memory, nullptr);
    EXPECT_TRUE(reads_as(memory, 16 * page, 0));
    memset(memory, 1, 16 * page);
    hak_i_os_release(memory, 16 * page);
    EXPECT_FALSE(is_mapped(memory));
}

TEST(OsBoundary, PurgedMemoryReadsAsZeroAndStaysUsable)
{
    Range range(8);
    ASSERT_TRUE(hak_i_os_commit(range.at(0), 8 * page));
    memset(range.at(0), 1, 8 * page);
    ASSERT_TRUE(hak_i_os_purge(range.at(2), 3 * page));
    EXPECT_TRUE(reads_as(range.at(2), 3 * page, 0));
    EXPECT_TRUE(reads_as(range.at(0), 2 * page, 1));
    EXPECT_TRUE(reads_as(range.at(5), 3 * page, 1));
    *range.at(3) = 1;
}

TEST(OsBoundary, MapsAtAPlaceThatIsEmpty)
{
    Range range(4);
    hak_i_os_release(range.at(1), page);
    ASSERT_EQ(hak_i_os_map_at(range.at(1), page), HAK_OS_DONE);
    *range.at(1) = 1;
}

TEST(OsBoundary, NeverMapsOverAnotherMapping)
{
    Range range(4);
    ASSERT_TRUE(hak_i_os_commit(range.at(1), page));
    *range.at(1) = 1;
    hak_i_os_release(range.at(2), page);
    EXPECT_EQ(hak_i_os_map_at(range.at(1), page), HAK_OS_TAKEN);
    EXPECT_EQ(hak_i_os_map_at(range.at(1), 2 * page), HAK_OS_TAKEN);
    EXPECT_EQ(*range.at(1), 1);
    EXPECT_FALSE(is_mapped(range.at(2)));
}

TEST(OsBoundary, MovesPagesAndKeepsTheSource)
{
    constexpr size_t PAGES = 32;
    Range range(2 * PAGES);
    ASSERT_TRUE(hak_i_os_commit(range.at(0), 2 * PAGES * page));
    memset(range.at(0), 1, PAGES * page);
    memset(range.at(PAGES), 2, PAGES * page);
    ASSERT_EQ(hak_i_os_move(range.at(0), range.at(PAGES), PAGES * page), HAK_OS_DONE);
    EXPECT_TRUE(reads_as(range.at(PAGES), PAGES * page, 1));
    EXPECT_TRUE(reads_as(range.at(0), PAGES * page, 0));
    memset(range.at(0), 3, PAGES * page);
    EXPECT_TRUE(reads_as(range.at(PAGES), PAGES * page, 1));
}

TEST(OsBoundary, AMoveThatFailsKeepsItsTarget)
{
    Range range(8);
    ASSERT_TRUE(hak_i_os_commit(range.at(4), 2 * page));
    hak_i_os_release(range.at(0), page); // nothing is there to be moved
    errno = ERANGE;
    EXPECT_EQ(hak_i_os_move(range.at(0), range.at(4), 2 * page), HAK_OS_NO_MEMORY);
    EXPECT_EQ(errno, ERANGE);
    memset(range.at(4), 1, 2 * page);
}

/** The name that the kernel has for the mapping of this address. */
std::string name_of(const void *address)
{
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        char *end;
        uintptr_t start = strtoul(line.c_str(), &end, 16);
        uintptr_t place = reinterpret_cast<uintptr_t>(address);
        if (start <= place && place < strtoul(end + 1, &end, 16)) {
            size_t bracket = line.find('[');
            return bracket == std::string::npos ? "" : line.substr(bracket);
        }
    }
    return "not mapped";
}

TEST(OsBoundary, NamesStayWithWhatIsCommittedAndGivenBack)
{
    Range range(8);
    errno = ERANGE;
    hak_i_os_name(range.at(0), 8 * page, HAK_OS_HEAP_NAME);
    EXPECT_EQ(errno, ERANGE);
    if (name_of(range.at(0)).empty()) {
        uint64_t calls = hak_i_os_calls(HAK_OS_NAME);
        hak_i_os_name(range.at(0), page, HAK_OS_HEAP_NAME);
        EXPECT_EQ(hak_i_os_calls(HAK_OS_NAME), calls) << "a kernel that cannot is asked once";
        GTEST_SKIP() << "this kernel has no names for anonymous memory (CONFIG_ANON_VMA_NAME)";
    }
    ASSERT_TRUE(hak_i_os_commit(range.at(2), 4 * page));
    *range.at(2) = 1;
    ASSERT_TRUE(hak_i_os_purge(range.at(2), page));
    for (size_t index : {0, 2, 3, 7}) {
        EXPECT_EQ(name_of(range.at(index)), "[anon:hakmem heap]") << index;
    }
    hak_i_os_release(range.at(1), page);
    ASSERT_EQ(hak_i_os_map_at(range.at(1), page), HAK_OS_DONE);
    EXPECT_EQ(name_of(range.at(1)), "[anon:hakmem heap]");
}

TEST(OsBoundary, ARefusedNameIsNoFailure)
{
    uint64_t failed = hak_i_os_failed_calls();
    hak_i_os_name(nullptr, page, HAK_OS_METADATA_NAME);
    EXPECT_EQ(hak_i_os_failed_calls(), failed);
}

TEST(OsBoundary, SaysThatAMoveRemadeItsTarget)
{
    Range range(8);
    ASSERT_TRUE(hak_i_os_commit(range.at(0), 8 * page));
    memset(range.at(0), 1, 8 * page);
    move_loses_target = true;
    EXPECT_EQ(hak_i_os_move(range.at(0), range.at(4), 2 * page), HAK_OS_REMADE);
    move_loses_target = false;
    EXPECT_TRUE(reads_as(range.at(0), 4 * page, 1));
    EXPECT_TRUE(reads_as(range.at(4), 2 * page, 0));
    memset(range.at(4), 2, 2 * page);
    EXPECT_TRUE(reads_as(range.at(6), 2 * page, 1));
}

TEST(OsBoundary, CountsByKind)
{
    Range range(8);
    EXPECT_EQ(calls_made(HAK_OS_RESERVE, [] { hak_i_os_release(hak_i_os_reserve(page), page); }), 1u);
    EXPECT_EQ(calls_made(HAK_OS_RESERVE, [] { hak_i_os_release(hak_i_os_reserve_table(page), page); }), 1u);
    EXPECT_EQ(calls_made(HAK_OS_RELEASE, [] { hak_i_os_release(hak_i_os_map(page), page); }), 1u);
    EXPECT_EQ(calls_made(HAK_OS_COMMIT, [&] { hak_i_os_commit(range.at(0), 2 * page); }), 1u);
    EXPECT_EQ(calls_made(HAK_OS_COMMIT, [&] { hak_i_os_map_at(range.at(0), page); }), 1u);
    EXPECT_EQ(calls_made(HAK_OS_PURGE, [&] { hak_i_os_purge(range.at(0), page); }), 1u);
    EXPECT_EQ(calls_made(HAK_OS_REMAP, [&] { hak_i_os_move(range.at(0), range.at(1), page); }), 1u);
}

TEST(OsBoundary, FailuresAreAnsweredAndCountedAndKeepErrno)
{
    constexpr size_t TOO_MUCH = size_t{1} << 60;
    Range range(2);
    uint64_t before = hak_i_os_failed_calls();
    errno = ERANGE;
    EXPECT_EQ(hak_i_os_reserve(TOO_MUCH), nullptr);
    EXPECT_EQ(hak_i_os_reserve_table(TOO_MUCH), nullptr);
    EXPECT_EQ(hak_i_os_map(TOO_MUCH), nullptr);
    EXPECT_EQ(hak_i_os_map_at(range.at(0), TOO_MUCH), HAK_OS_NO_MEMORY);
    EXPECT_EQ(hak_i_os_map_at(range.at(0), page), HAK_OS_TAKEN);
    hak_i_os_release(range.at(1), page);
    EXPECT_FALSE(hak_i_os_commit(range.at(0), 2 * page));
    EXPECT_FALSE(hak_i_os_purge(range.at(0), 2 * page));
    EXPECT_EQ(errno, ERANGE);
    EXPECT_EQ(hak_i_os_failed_calls() - before, 7u);
}

TEST(OsBoundaryDeathTest, ReadsTheAddressLimit)
{
    rlimit before;
    ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
    if (before.rlim_cur == RLIM_INFINITY) {
        EXPECT_EQ(hak_i_os_address_limit_bytes(), SIZE_MAX);
    }
    auto limit_and_ask = [] {
        const rlimit limit = {rlim_t{1} << 46, rlim_t{1} << 46};
        bool limited = setrlimit(RLIMIT_AS, &limit) == 0;
        _exit(limited && hak_i_os_address_limit_bytes() == size_t{1} << 46 ? 0 : 1);
    };
    EXPECT_EXIT(limit_and_ask(), testing::ExitedWithCode(0), "");
}

/** Nothing is allocated by hakmem here. */
bool is_loaders(const void *address)
{
    return hak_i_os_is_loaders(address, [](const void *) { return false; });
}

TEST(OsBoundary, KnowsTheLoadersImage)
{
    auto *loader = reinterpret_cast<const char *>(getauxval(AT_BASE));
    ASSERT_NE(loader, nullptr);
    EXPECT_TRUE(is_loaders(loader));
    EXPECT_TRUE(is_loaders(loader + page));
    EXPECT_FALSE(is_loaders(loader - 1));
    EXPECT_FALSE(is_loaders(loader + 16 * 1024 * 1024));
}

#ifdef __GLIBC__
TEST(OsBoundary, KnowsWhatTheLoaderAllocatedBeforeMalloc)
{
    EXPECT_TRUE(is_loaders(_r_debug.r_map));
    EXPECT_TRUE(is_loaders(_r_debug.r_map->l_next));
}
#endif

TEST(OsBoundary, TakesNothingElseForTheLoaders)
{
    static int global;
    int local;
    auto block = std::make_unique<int>();
    for (const void *address : std::initializer_list<const void *>{
             nullptr, &global, &local, block.get(), reinterpret_cast<const void *>(&getpid),
             reinterpret_cast<const void *>(1), reinterpret_cast<const void *>(UINTPTR_MAX)}) {
        EXPECT_FALSE(is_loaders(address)) << address;
    }
}

/* ------------------------------------------------------------------------------------- what the kernel counts ---- */

namespace {

/** All mappings, and what they are together. */
struct Mappings {
    std::vector<hak_os_mapping> all;
    size_t resident_bytes = 0;

    Mappings()
    {
        errno = ERANGE;
        told = hak_i_os_each_mapping(
            [](void *arg, const hak_os_mapping *mapping) {
                static_cast<Mappings *>(arg)->all.push_back(*mapping);
                static_cast<Mappings *>(arg)->resident_bytes += mapping->usage.resident_bytes;
            },
            this);
        EXPECT_EQ(errno, ERANGE);
    }

    const hak_os_mapping *find(const void *address) const
    {
        uintptr_t number = reinterpret_cast<uintptr_t>(address);
        for (const hak_os_mapping &mapping : all) {
            if (mapping.start <= number && number < mapping.end) {
                return &mapping;
            }
        }
        return nullptr;
    }

    bool told;
};

/** Runs the action in a process that may open no more files. */
template <class Action>
void expect_without_files(Action action)
{
    auto without_files = [&] {
        const rlimit none = {0, 0};
        _exit(setrlimit(RLIMIT_NOFILE, &none) == 0 && action() ? 0 : 1);
    };
    EXPECT_EXIT(without_files(), testing::ExitedWithCode(0), "");
}

} // namespace

TEST(OsBoundary, TellsEachMappingAndWhatItIs)
{
    constexpr size_t PAGES = 300;
    static const int in_the_program = 1;
    int on_the_stack = 1;
    Range range(2 * PAGES);
    ASSERT_TRUE(hak_i_os_commit(range.at(0), PAGES * page));
    memset(range.at(0), 1, 100 * page);
    Mappings mappings;
    ASSERT_TRUE(mappings.told);
    EXPECT_TRUE(std::is_sorted(mappings.all.begin(), mappings.all.end(),
                               [](auto &one, auto &other) { return one.start < other.start; }));
    const hak_os_mapping *ours = mappings.find(range.at(0));
    ASSERT_NE(ours, nullptr);
    EXPECT_EQ(ours->kind, HAK_OS_MAPPED_OTHER);
    EXPECT_GE(ours->usage.resident_bytes, 100 * page);
    EXPECT_EQ(mappings.find(&in_the_program)->kind, HAK_OS_MAPPED_FILE);
    EXPECT_EQ(mappings.find(&on_the_stack)->kind, HAK_OS_MAPPED_STACK);
    EXPECT_EQ(mappings.find(range.at(PAGES))->usage.resident_bytes, 0u);
}

TEST(OsBoundary, TellsWhatTheProcessUses)
{
    constexpr size_t PAGES = 4096;
    hak_os_usage before, after;
    ASSERT_TRUE(hak_i_os_usage(&before));
    Range range(PAGES);
    ASSERT_TRUE(hak_i_os_commit(range.at(0), PAGES * page));
    memset(range.at(0), 1, PAGES * page);
    ASSERT_TRUE(hak_i_os_usage(&after));
    EXPECT_GE(after.resident_bytes, before.resident_bytes + PAGES * page);
    EXPECT_GE(after.private_dirty_bytes, before.private_dirty_bytes + PAGES * page);
    EXPECT_LE(after.huge_bytes, after.resident_bytes);
    Mappings mappings;
    EXPECT_NEAR(static_cast<double>(mappings.resident_bytes), static_cast<double>(after.resident_bytes),
                static_cast<double>(after.resident_bytes) / 20);
}

TEST(OsBoundary, TellsWhichPagesAreThere)
{
    constexpr size_t PAGES = 3000; // more than one question's worth
    Range range(PAGES + 2);
    ASSERT_TRUE(hak_i_os_commit(range.at(0), PAGES * page));
    EXPECT_EQ(hak_i_os_paged_bytes(range.at(0), PAGES * page), 0u);
    for (size_t index : {0, 1, 1023, 1024, 2999}) {
        *range.at(index) = 1;
    }
    EXPECT_EQ(hak_i_os_paged_bytes(range.at(0), PAGES * page), 5 * page);
    EXPECT_EQ(hak_i_os_paged_bytes(range.at(1), 1023 * page), 2 * page);
    hak_i_os_release(range.at(PAGES), page);
    errno = ERANGE;
    EXPECT_EQ(hak_i_os_paged_bytes(range.at(0), (PAGES + 1) * page), SIZE_MAX);
    EXPECT_EQ(errno, ERANGE);
}

TEST(OsBoundary, TheFileTellsTheSameOfAFewPages)
{
    if (!pagemap_can_be_read()) {
        GTEST_SKIP() << "/proc/self/pagemap cannot be read here";
    }
    constexpr size_t PAGES = 512;
    Range range(PAGES + 1);
    ASSERT_TRUE(hak_i_os_commit(range.at(0), PAGES * page));
    madvise(range.at(0), PAGES * page, MADV_NOHUGEPAGE); // refused where there are none
    errno = ERANGE;
    EXPECT_EQ(hak_i_os_pagemap_bytes(range.at(0), PAGES * page), 0u);
    for (size_t index : {0, 7, 511}) {
        *range.at(index) = 1;
    }
    EXPECT_EQ(hak_i_os_pagemap_bytes(range.at(0), PAGES * page), 3 * page);
    EXPECT_EQ(hak_i_os_pagemap_bytes(range.at(1), 7 * page), page);
    EXPECT_EQ(hak_i_os_pagemap_bytes(range.at(0), (PAGES + 1) * page), SIZE_MAX);
    EXPECT_EQ(errno, ERANGE);
}

TEST(OsBoundary, WithoutADescriptorToSpareTheFileTellsNothing)
{
    rlimit limit;
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlimit none = {0, limit.rlim_max};
    Range range(1);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    errno = ERANGE;
    EXPECT_EQ(hak_i_os_pagemap_bytes(range.at(0), page), SIZE_MAX);
    EXPECT_EQ(errno, ERANGE);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST(OsBoundary, TellsWhatTheControlGroupUses)
{
    size_t bytes = hak_i_os_group().used_bytes;
    if (bytes == SIZE_MAX) {
        GTEST_SKIP() << "no control group here counts memory";
    }
    hak_os_usage usage;
    ASSERT_TRUE(hak_i_os_usage(&usage));
    EXPECT_GE(bytes, usage.private_dirty_bytes / 2);
    EXPECT_LE(bytes, hak_i_os_physical_bytes());
}

TEST(OsBoundaryDeathTest, SaysSoWhereNoFileCanBeOpened)
{
    expect_without_files([] {
        hak_os_usage usage;
        return !hak_i_os_usage(&usage) && !Mappings().told && hak_i_os_group().used_bytes == SIZE_MAX;
    });
}

TEST(OsBoundaryDeathTest, WritesToStandardErrorAsItWasRemembered)
{
    auto close_and_write = [] {
        hak_i_os_keep_stderr();
        close(STDERR_FILENO);
        hak_i_os_write_stderr("still here\n", 11);
        _exit(0);
    };
    EXPECT_EXIT(close_and_write(), testing::ExitedWithCode(0), "^still here\n$");
}

TEST(OsBoundaryDeathTest, WritesToStandardErrorWithoutBeingCancelled)
{
    auto write_cancelled = [] {
        std::thread([] {
            pthread_cancel(pthread_self());
            hak_i_os_write_stderr("still ", 6);
            hak_i_os_write_stderr("here\n", 5);
            pthread_testcancel();
        }).join();
        _exit(0);
    };
    EXPECT_EXIT(write_cancelled(), testing::ExitedWithCode(0), "^still here\n$");
}

TEST(OsBoundaryDeathTest, WritesToNothingThatTookTheNumberOfStandardError)
{
    auto replace_and_write = [] {
        hak_i_os_keep_stderr();
        char name[] = "/tmp/hakmem-os-boundary-XXXXXX";
        int file = mkstemp(name);
        unlink(name);
        for (int number = STDERR_FILENO; number < 1024; number++) {
            if (number != file) {
                close(number);
            }
        }
        dup2(file, STDERR_FILENO);
        hak_i_os_write_stderr("lost\n", 5);
        _exit(lseek(file, 0, SEEK_END) == 0 ? 0 : 1);
    };
    EXPECT_EXIT(replace_and_write(), testing::ExitedWithCode(0), "");
}
