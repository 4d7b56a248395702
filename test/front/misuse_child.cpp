// SPDX-License-Identifier: MIT
// Commits one mistake:  misuse_child <call> <mistake> <block> <who>
// Prints on standard output the address that is passed ("address <hex>"), "survived" if the wrong call returns, and
// "ended" just before exit(), so that the reader can tell when the mistake was found. Standard error is hakmem's alone.
#include "support.h"

#include <pthread.h>
#include <sys/mman.h>

#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>

using namespace hak_test;

namespace {

/** What a mistake is made of; see main(). */
std::string call_name, block_name, who_name;

void say(const char *word)
{
    printf("%s\n", word);
    fflush(stdout);
}

size_t block_size()
{
    static const std::map<std::string, size_t> sizes = {
        {"none", 0}, {"tiny", 48}, {"tiny1024", 1024}, {"pool", 12 * KiB}, {"pool_big", 128 * KiB}, {"large", 3 * MiB}};
    return sizes.at(block_name);
}

/* ---------------------------------------------------------------------------------------------- threads ---- */

/** A thread that does what it is given, one thing after the other, until it is ended. */
class Actor {
public:
    ~Actor() { end(); }

    void run(const std::function<void()> &work)
    {
        std::packaged_task<void()> task(work);
        std::future<void> done = task.get_future();
        {
            std::lock_guard<std::mutex> lock(mutex_);
            task_ = std::move(task);
            given_ = true;
        }
        wake_.notify_one();
        done.get();
    }

    void end()
    {
        if (thread_.joinable()) {
            {
                std::lock_guard<std::mutex> lock(mutex_);
                ended_ = true;
            }
            wake_.notify_one();
            thread_.join();
        }
    }

private:
    void serve()
    {
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            wake_.wait(lock, [this] { return given_ || ended_; });
            if (!given_) {
                return;
            }
            given_ = false;
            std::packaged_task<void()> task = std::move(task_);
            lock.unlock();
            task();
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::packaged_task<void()> task_;
    bool given_ = false, ended_ = false;
    std::thread thread_{[this] { serve(); }};
};

/* ------------------------------------------------------------------------------------------ blocks, calls ---- */

/** The block's owner where that is not the main thread. */
Actor *owner;

/** Runs on the thread that owns the blocks: the main thread, or another one. */
void as_owner(const std::function<void()> &work)
{
    if (who_name == "same") {
        work();
    } else {
        owner->run(work);
    }
}

char *allocate(size_t size)
{
    void *block = hak_alloc(size);
    if (block == nullptr) {
        abort();
    }
    memset(block, 1, size);
    return static_cast<char *>(block);
}

void end_owner_if_told()
{
    if (who_name == "ended") {
        owner->end();
    }
}

/** Blocks of the owner's; the mistake is about the third, whose neighbours stay as they are up to the fifth. */
std::vector<char *> make_blocks(size_t count)
{
    std::vector<char *> blocks(count);
    as_owner([&] {
        for (char *&block : blocks) {
            block = allocate(block_size());
        }
    });
    end_owner_if_told();
    return blocks;
}

constexpr size_t VICTIM = 2, NEIGHBOURS = 5;

char *make_block()
{
    return make_blocks(NEIGHBOURS)[VICTIM];
}

void free_some(const std::vector<char *> &blocks, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        hak_free(blocks[i]);
    }
}

/** The wrong call. */
void commit(void *address, size_t size, size_t alignment = 16)
{
    printf("address %llx\n", static_cast<unsigned long long>(address_of(address)));
    fflush(stdout);
    if (call_name == "free") {
        hak_free(address);
    } else if (call_name == "free_sized") {
        hak_free_sized(address, size);
    } else if (call_name == "free_aligned") {
        hak_free_aligned_sized(address, alignment, size);
    } else if (call_name == "free_batch") {
        hak_free_batch(&address, 1);
    } else if (call_name == "realloc") {
        address = hak_realloc(address, size + size / 2 + 1);
    } else if (call_name == "realloc_smaller") {
        address = hak_realloc(address, size / 2);
    } else if (call_name == "reallocarray") {
        address = hak_reallocarray(address, 2, size);
    } else if (call_name == "usable_size") {
        size = hak_usable_size(address);
    } else {
        abort();
    }
    opaque(address);
    opaque(size);
    say("survived");
}

void commit(void *address)
{
    commit(address, block_size());
}

/** More blocks than a stack holds, by count for small ones and by bytes for big ones. */
size_t more_than_a_stack()
{
    return block_size() <= 1024 ? 6000 : 64 * MiB / block_size();
}

/* -------------------------------------------------------------------------------------------- the mistakes ---- */

void interior(size_t offset)
{
    commit(make_block() + offset);
}

/** An address that no block gave; block "none": in a process, or a thread, that never allocated. */
void value(uintptr_t address)
{
    if (block_name != "none") {
        make_block();
    }
    if (who_name == "other") {
        std::thread([=] { commit(pointer_to(address), 100); }).join();
    } else {
        commit(pointer_to(address), 100);
    }
}

int global_variable;

void foreign_mapping()
{
    void *page = mmap(nullptr, 64 * KiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    value(address_of(page) + 16 * KiB);
}

void foreign_unmapped()
{
    void *page = mmap(nullptr, 64 * KiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page, 64 * KiB);
    value(address_of(page));
}

void double_at_once()
{
    char *block = make_block();
    hak_free(block);
    commit(block);
}

void double_second()
{
    const std::vector<char *> blocks = make_blocks(NEIGHBOURS + 1);
    hak_free(blocks[VICTIM]);
    hak_free(blocks[NEIGHBOURS]);
    commit(blocks[VICTIM]);
}

/** Frees a block, `between` others, and the block again, then `after` others. */
void double_late(size_t between, size_t after)
{
    const std::vector<char *> blocks = make_blocks(NEIGHBOURS + between + after);
    hak_free(blocks[VICTIM]);
    free_some(blocks, NEIGHBOURS, NEIGHBOURS + between);
    commit(blocks[VICTIM]);
    free_some(blocks, NEIGHBOURS + between, blocks.size());
}

/** The first free is by a thread that has ended since. */
void double_published()
{
    char *block = make_block();
    Actor freer;
    freer.run([=] { hak_free(block); });
    freer.end();
    commit(block);
}

void double_by_a_third()
{
    char *block = make_block();
    Actor first, second;
    first.run([=] { hak_free(block); });
    second.run([=] { commit(block); });
    first.end();
    second.end();
}

void double_owner_then_remote()
{
    char *block = nullptr;
    as_owner([&] {
        std::vector<char *> blocks(10);
        for (char *&made : blocks) {
            made = allocate(block_size());
        }
        block = blocks[VICTIM];
        hak_free(block);
        free_some(blocks, NEIGHBOURS, blocks.size());
    });
    end_owner_if_told();
    Actor freer;
    freer.run([=] { commit(block); });
}

void double_remote_then_owner()
{
    char *block = make_block();
    Actor freer;
    freer.run([=] { hak_free(block); });
    as_owner([=] { commit(block); });
    freer.end();
}

/** A place of a slab that no allocation has reached yet; then everything of that class is freed. */
void never_carved()
{
    std::thread([] {
        char *block = allocate(16);
        uintptr_t slab = address_of(block) & ~uintptr_t{16 * KiB - 1};
        commit(pointer_to(slab + (address_of(block) < slab + 8 * KiB ? 15 * KiB : 0)), 16);
        hak_free(block);
    }).join();
}

/** In hakmem's range near the only block, but in no slab and no large block. */
void never_in_a_span()
{
    uintptr_t end = address_of(allocate(block_size())) + block_size();
    commit(pointer_to((end & ~uintptr_t{16 * KiB - 1}) + 512 * KiB));
}

/** In the range that is set aside, far beyond what is committed. */
void never_committed()
{
    char *block = make_block();
    uint64_t reserved = statistics().reserved_bytes;
    if (reserved < 1024 * MiB) {
        say("nothing is set aside beforehand");
        return;
    }
    commit(block + reserved / 4);
}

void released_and_purged()
{
    char *block = allocate(block_size());
    hak_free(block);
    hak_purge(nullptr);
    commit(block);
}

void wrong_size(size_t size)
{
    commit(make_block(), opaque(size));
}

/** The lowest alignment that the block has not. */
void wrong_alignment()
{
    char *block = make_block();
    commit(block, block_size(), (address_of(block) & (~address_of(block) + 1)) * 2);
}

void not_a_power_of_two(size_t alignment)
{
    commit(make_block(), block_size(), alignment);
}

/** Honest calls through every path that looks for mistakes: the process must end without a word. */
void honest()
{
    Actor freer;
    for (size_t round = 0; round < 3; round++) {
        const std::vector<char *> mine = make_blocks(more_than_a_stack());
        const std::vector<char *> remote = make_blocks(more_than_a_stack());
        freer.run([&] { free_some(remote, 0, remote.size()); });
        free_some(mine, 0, mine.size());
    }
}

const std::map<std::string, std::function<void()>> mistakes = {
    {"interior_1", [] { interior(1); }},
    {"interior_8", [] { interior(8); }},
    {"interior_16", [] { interior(16); }},
    {"interior_middle", [] { interior(block_size() / 2 & ~size_t{15}); }},
    {"interior_last", [] { interior(block_size() - 1); }},
    {"interior_unit", [] { interior(16 * KiB); }},
    {"value_1", [] { value(1); }},
    {"value_15", [] { value(15); }},
    {"value_16", [] { value(16); }},
    {"value_4096", [] { value(4096); }},
    {"value_top_of_user", [] { value(0x7fffffffffff); }},
    {"value_last_user_page", [] { value(0x7ffffffff000); }},
    {"value_not_canonical", [] { value(0x0001000000000000); }},
    {"value_high_bit", [] { value(0x8000000000000000); }},
    {"value_kernel", [] { value(0xffff800000000000); }},
    {"value_text", [] { value(0x2064616564206120); }},
    {"value_all_ones", [] { value(UINTPTR_MAX); }},
    {"value_minus_16", [] { value(UINTPTR_MAX - 15); }},
    {"foreign_stack",
     [] {
         long local[4];
         value(address_of(opaque(&local[2])));
     }},
    {"foreign_global", [] { value(address_of(&global_variable)); }},
    {"foreign_code", [] { value(reinterpret_cast<uintptr_t>(&say)); }},
    {"foreign_malloc", [] { value(address_of(opaque(malloc(100)))); }},
    {"foreign_malloc_large", [] { value(address_of(opaque(malloc(1 * MiB)))); }},
    {"foreign_mapping", foreign_mapping},
    {"foreign_unmapped", foreign_unmapped},
    {"never_carved", never_carved},
    {"never_in_a_span", never_in_a_span},
    {"never_committed", never_committed},
    {"released_and_purged", released_and_purged},
    {"double_at_once", double_at_once},
    {"double_second", double_second},
    {"double_until_exit", [] { double_late(5, 0); }},
    {"double_until_flush", [] { double_late(5, more_than_a_stack()); }},
    {"double_until_thread_end", [] { std::thread([] { double_late(5, 0); }).join(); }},
    {"double_far_apart", [] { double_late(more_than_a_stack() / 2, more_than_a_stack()); }},
    {"double_published", double_published},
    {"double_by_a_third", double_by_a_third},
    {"double_owner_then_remote", double_owner_then_remote},
    {"double_remote_then_owner", double_remote_then_owner},
    {"wrong_size_next_class", [] { wrong_size(hak_good_size(block_size()) + 1); }},
    {"wrong_size_half", [] { wrong_size(block_size() / 2); }},
    {"wrong_size_double", [] { wrong_size(block_size() * 2); }},
    {"wrong_size_other_kind", [] { wrong_size(block_size() > 1 * MiB ? 100 : 5 * MiB); }},
    {"wrong_size_zero", [] { wrong_size(0); }},
    {"wrong_size_all_ones", [] { wrong_size(SIZE_MAX); }},
    {"wrong_alignment", wrong_alignment},
    {"wrong_alignment_zero", [] { not_a_power_of_two(0); }},
    {"wrong_alignment_24", [] { not_a_power_of_two(24); }},
    {"honest", honest},
};

} // namespace

int main(int count, char **arguments)
{
    if (count != 5 || mistakes.count(arguments[2]) == 0) {
        fprintf(stderr, "usage: misuse_child <call> <mistake> <block> <who>\n");
        return 2;
    }
    call_name = arguments[1];
    block_name = arguments[3];
    who_name = arguments[4];
    Actor other;
    owner = &other;
    mistakes.at(arguments[2])();
    other.end();
    hak_free(hak_alloc(block_size()));
    say("ended");
    exit(0);
}
