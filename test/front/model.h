// SPDX-License-Identifier: MIT
// Random operation sequences beside a shadow model that knows every held block: where it lies, how large it is, and
// what stands in it. The choices come from a Source, so that random tests and a fuzzer share the body:
//
//     bool more();                  whether there is another operation to do
//     size_t below(size_t bound);   a choice from 0 to bound - 1
#ifndef HAKMEM_TEST_FRONT_MODEL_H
#define HAKMEM_TEST_FRONT_MODEL_H

#include "support.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace hak_test {

template <class Source>
class Model {
public:
    explicit Model(Source &source) : source_(source), live_before_(statistics().live_bytes) {}

    /** Does operations until the source ends or one goes wrong, then frees all. Returns what went wrong, "" if nothing.
     */
    std::string run()
    {
        for (; source_.more() && failure_.empty(); operations_++) {
            step();
        }
        while (!held_.empty() && failure_.empty()) {
            free_block(held_.size() - 1);
        }
        check(statistics().live_bytes == live_before_, "live_bytes is not what it was", 0);
        return failure_;
    }

private:
    static constexpr size_t HELD_BYTES_MAX = 64 * MiB, HELD_BLOCKS_MAX = 30000, LARGEST = 8 * MiB;
    static constexpr size_t BATCH_MAX = 200, FREED_ELSEWHERE_MAX = 500;

    struct Block {
        char *start;
        size_t asked, usable;
        size_t alignment; // as asked for, 0 without
        uint64_t seed;
        char *end() const { return start + usable; }
    };

    /* ------------------------------------------------------------------------------------------- checking ---- */

    void check(bool holds, const char *what, size_t detail)
    {
        if (!holds && failure_.empty()) {
            failure_ =
                std::string(what) + " (" + std::to_string(detail) + ") at operation " + std::to_string(operations_);
        }
    }

    void check_apart(const Block &block)
    {
        auto next = by_address_.lower_bound(block.start);
        check(next == by_address_.end() || block.end() <= next->first, "a block overlaps the next", block.asked);
        check(next == by_address_.begin() || std::prev(next)->second <= block.start, "a block overlaps the one before",
              block.asked);
    }

    void check_content(const Block &block, size_t kept)
    {
        check(Stamp::holds(block.start, block.usable, kept, block.seed), "content was lost", block.asked);
    }

    /* ------------------------------------------------------------------------------------------- the shadow ---- */

    /** Takes note of a new block and stamps all that may be used of it. */
    void hold(void *start, size_t asked, size_t alignment = 0)
    {
        check(start != nullptr, "memory was refused", asked);
        if (!failure_.empty()) {
            return;
        }
        Block block{static_cast<char *>(start), asked, hak_usable_size(start), alignment, ++seed_};
        check(block.usable >= asked, "usable size below the size", asked);
        check(address_of(start) % std::max<size_t>(alignment, 16) == 0, "misaligned block", asked);
        check(hak_owns(block.start) && hak_owns(block.end() - 1), "not owned", asked);
        check_apart(block);
        if (failure_.empty()) {
            by_address_[block.start] = block.end();
            Stamp::write(block.start, block.usable, block.seed);
            held_.push_back(block);
            held_bytes_ += block.usable;
        }
    }

    /** Checks a block and forgets it; the caller frees it or has it resized. */
    Block let_go(size_t index)
    {
        Block block = held_[index];
        check(hak_usable_size(block.start) == block.usable, "usable size changed", block.asked);
        check_content(block, block.usable);
        by_address_.erase(block.start);
        held_[index] = held_.back();
        held_.pop_back();
        held_bytes_ -= block.usable;
        return block;
    }

    /* --------------------------------------------------------------------------------------------- choices ---- */

    /** Mostly small, often beside the edge of a class. */
    size_t any_size()
    {
        size_t kind = source_.below(256);
        size_t limit = kind < 190   ? 1 * KiB
                       : kind < 240 ? 16 * KiB
                       : kind < 254 ? 128 * KiB
                       : kind < 255 ? 1 * MiB
                                    : LARGEST;
        size_t size = source_.below(limit + 1);
        return source_.below(2) == 0 ? size : hak_good_size(size) + source_.below(3) - 1;
    }

    size_t any_alignment() { return size_t{1} << source_.below(source_.below(8) == 0 ? 23 : 13); }

    size_t any_block() { return source_.below(held_.size()); }

    bool is_full() const { return held_bytes_ > HELD_BYTES_MAX || held_.size() > HELD_BLOCKS_MAX; }

    /* ------------------------------------------------------------------------------------------ operations ---- */

    void step()
    {
        if (source_.below(4096) == 0) {
            growing_ = !growing_;
        }
        size_t kind = source_.below(100);
        if (kind < 2) {
            rare_operation();
        } else if (kind < 22 && !held_.empty()) {
            resize(any_block());
        } else if (is_full() || (!held_.empty() && kind >= (growing_ ? 65u : 50u))) {
            give_back();
        } else {
            obtain();
        }
    }

    void obtain()
    {
        size_t size = any_size();
        switch (source_.below(12)) {
        case 0:
            return obtain_zero(hak_zalloc(size), size);
        case 1:
            return obtain_zero(hak_calloc(1, size), size);
        case 2:
            return obtain_zero(hak_calloc(size / 8, 8), size / 8 * 8);
        case 3:
        case 4:
            return obtain_aligned(any_alignment(), size);
        case 5:
            return obtain_text(size);
        case 6:
            return source_.below(8) == 0 && size < 16 * KiB ? obtain_batch(size)
                                                            : hold(hak_realloc(nullptr, size), size);
        default:
            return hold(hak_alloc(size), size);
        }
    }

    void obtain_zero(void *start, size_t size)
    {
        check(start == nullptr || is_zero(start, size), "not zero", size);
        hold(start, size);
    }

    void obtain_aligned(size_t alignment, size_t size)
    {
        void *start = nullptr;
        if (alignment < sizeof(void *) || source_.below(2) == 0) {
            start = hak_aligned_alloc(alignment, size);
        } else {
            check(hak_posix_memalign(&start, alignment, size) == 0, "posix_memalign refused", alignment);
        }
        hold(start, size, alignment);
    }

    void obtain_text(size_t length)
    {
        const std::string text(length, 'x');
        char *copy = hak_strdup(text.c_str());
        check(copy == nullptr || text == copy, "another text", length);
        hold(copy, length + 1);
    }

    void obtain_batch(size_t size)
    {
        void *starts[BATCH_MAX];
        size_t count = source_.below(BATCH_MAX);
        size_t obtained = hak_alloc_batch(size, count, starts);
        check(obtained == count, "a batch came short", size);
        for (size_t i = 0; i < obtained; i++) {
            hold(starts[i], size);
        }
    }

    void give_back()
    {
        if (source_.below(64) != 0) {
            return free_block(any_block());
        }
        void *starts[BATCH_MAX];
        size_t count = source_.below(std::min(BATCH_MAX, held_.size() + 1));
        for (size_t i = 0; i < count; i++) {
            starts[i] = source_.below(8) == 0 ? nullptr : let_go(any_block()).start;
        }
        hak_free_batch(starts, count);
    }

    void free_block(size_t index)
    {
        Block block = let_go(index);
        size_t form = source_.below(3);
        if (form == 0 && block.alignment != 0) {
            hak_free_aligned_sized(block.start, block.alignment, block.asked);
        } else if (form == 0) {
            hak_free_sized(block.start, block.asked);
        } else {
            hak_free(block.start);
        }
    }

    void resize(size_t index)
    {
        Block old = let_go(index);
        size_t size =
            source_.below(3) == 0 ? any_size() : std::min(old.asked / 2 + source_.below(old.asked + 64), LARGEST);
        void *start = size % 8 == 0 ? hak_reallocarray(old.start, size / 8, 8) : hak_realloc(old.start, size);
        check(start != nullptr, "realloc was refused", size);
        if (failure_.empty()) {
            check(Stamp::holds(start, old.usable, std::min(old.asked, size), old.seed), "realloc lost content", size);
            hold(start, size);
        }
    }

    void rare_operation()
    {
        switch (source_.below(50)) {
        case 0:
            return free_elsewhere();
        case 1:
            hak_purge(nullptr);
            return;
        case 2:
        case 3:
            return check_statistics();
        default:
            return be_refused();
        }
    }

    void be_refused()
    {
        errno = 0;
        void *none = hak_calloc(opaque(SIZE_MAX / 4), 5 + source_.below(100));
        check(none == nullptr && errno == ENOMEM, "an overflowing product was served", 0);
        if (!held_.empty()) {
            const Block &block = held_[any_block()];
            check(hak_realloc(block.start, opaque(SIZE_MAX) - source_.below(100)) == nullptr, "realloc to SIZE_MAX",
                  block.asked);
            check_content(block, block.usable);
        }
    }

    void free_elsewhere()
    {
        std::vector<void *> starts;
        for (size_t count = source_.below(FREED_ELSEWHERE_MAX); count > 0 && !held_.empty(); count--) {
            starts.push_back(let_go(any_block()).start);
        }
        std::thread([&starts] {
            for (void *start : starts) {
                hak_free(start);
            }
        }).join();
    }

    void check_statistics()
    {
        hak_stats stats = statistics();
        check(stats.live_bytes == live_before_ + held_bytes_, "live_bytes is not what is held", stats.live_bytes);
        check(sum_of_parts(stats) == stats.committed_bytes, "the parts do not add up", stats.committed_bytes);
    }

    Source &source_;
    const uint64_t live_before_;
    std::string failure_;
    std::vector<Block> held_;
    std::map<char *, char *> by_address_; // each held block's start and end
    size_t held_bytes_ = 0, operations_ = 0;
    uint64_t seed_ = 0;
    bool growing_ = true;
};

} // namespace hak_test

#endif
