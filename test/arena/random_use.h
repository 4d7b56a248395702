// SPDX-License-Identifier: MIT
// One user of an arena who does everything a box above may do, in random order, and checks what it is told.
#ifndef HAKMEM_TEST_ARENA_RANDOM_USE_H
#define HAKMEM_TEST_ARENA_RANDOM_USE_H

#include "arena/fixture.h"

namespace hak_test {

class RandomUse {
public:
    RandomUse(Space *space, uint64_t seed, size_t units_max)
        : space_(space), random_(seed), stamp_(seed | 1), units_max_(units_max)
    {
    }

    void step()
    {
        switch (random_() % 16) {
        case 0:
        case 1:
        case 2:
            return acquire_span();
        case 3:
        case 4:
        case 5:
            return release_span();
        case 6:
            return extend_span();
        case 7:
        case 8:
        case 9:
            return acquire_large();
        case 10:
        case 11:
        case 12:
            return release_large();
        case 13:
            return resize_large();
        case 14:
            return move_large();
        default:
            return rare();
        }
    }

    void release_everything()
    {
        while (!spans_.empty()) {
            release_span();
        }
        while (!blocks_.empty()) {
            release_large();
        }
    }

    size_t refusals() const { return refusals_; }

private:
    struct Held {
        Span span;
        size_t written; /* units, each stamped at both ends */
    };

    size_t units_at_most(size_t most) { return 1 + random_() % (1 + ((most - 1) >> random_() % 8)); }

    size_t *word(size_t unit, bool last) const
    {
        return reinterpret_cast<size_t *>(space_->at(unit) + (last ? UNIT - sizeof(size_t) : 0));
    }

    void stamp(size_t first, size_t from, size_t to)
    {
        for (size_t unit = first + from; unit < first + to; unit++) {
            *word(unit, false) = *word(unit, true) = stamp_ ^ (unit - first);
        }
    }

    void expect_stamped(size_t first, size_t units)
    {
        for (size_t unit = first; unit < first + units; unit++) {
            ASSERT_EQ(*word(unit, false), stamp_ ^ (unit - first));
            ASSERT_EQ(*word(unit, true), stamp_ ^ (unit - first));
        }
    }

    void expect_clean(size_t first, size_t units, bool clean)
    {
        static const char zeros[UNIT] = {};
        for (size_t unit = first; clean && unit < first + units; unit++) {
            ASSERT_EQ(memcmp(space_->at(unit), zeros, UNIT), 0) << "unit " << unit << " was said to be clean";
        }
    }

    template <class Element>
    Element take_one(std::vector<Element> *elements)
    {
        std::swap((*elements)[random_() % elements->size()], elements->back());
        Element taken = elements->back();
        elements->pop_back();
        return taken;
    }

    void acquire_span()
    {
        size_t align = random_() % 4 == 0 ? size_t{1} << random_() % 10 : 1;
        bool roomy = random_() % 8 == 0;
        Span span = roomy ? space_->acquire_roomy(units_at_most(units_max_))
                          : space_->acquire(units_at_most(units_max_), align);
        if (!span) {
            refusals_++;
            return;
        }
        if (!roomy) {
            EXPECT_EQ(reinterpret_cast<uintptr_t>(space_->at(span.first)) % (align * UNIT), 0u);
        }
        expect_clean(span.first, span.units, span.clean);
        size_t written = span.clean ? random_() % (span.units + 1) : span.units;
        stamp(span.first, 0, written);
        spans_.push_back({span, written});
    }

    void release_span()
    {
        if (spans_.empty()) {
            return;
        }
        Held held = take_one(&spans_);
        expect_stamped(held.span.first, held.written);
        space_->release(held.span, held.written);
    }

    void extend_span()
    {
        if (spans_.empty()) {
            return;
        }
        Held &held = spans_[random_() % spans_.size()];
        size_t grain = space_->arena.grain_units;
        if (held.span.units % grain == 0 && space_->extend(&held.span, grain * (1 + random_() % 8))) {
            stamp(held.span.first, held.written, held.span.units);
            held.written = held.span.units;
        }
    }

    size_t units_of(const void *block) const { return space_->record(block)->asked_units; }

    void acquire_large()
    {
        size_t alignment = random_() % 4 == 0 ? size_t{16} << random_() % 18 : 16;
        bool clean = false;
        size_t bytes = units_at_most(units_max_) * UNIT - random_() % UNIT;
        void *block = random_() % 8 == 0 ? hak_i_arena_large_acquire_roomy(&space_->arena, bytes)
                                         : hak_i_arena_large_acquire(&space_->arena, bytes, alignment, &clean);
        if (block == nullptr) {
            refusals_++;
            return;
        }
        size_t first = space_->unit_of(block);
        EXPECT_EQ(units_of(block), hak_i_arena_units(bytes));
        expect_clean(first, units_of(block), clean);
        stamp(first, 0, units_of(block));
        blocks_.push_back(block);
    }

    void release_large()
    {
        if (blocks_.empty()) {
            return;
        }
        void *block = take_one(&blocks_);
        expect_stamped(space_->unit_of(block), units_of(block));
        ASSERT_TRUE(space_->free_large(block));
    }

    void resize_large()
    {
        if (blocks_.empty()) {
            return;
        }
        void *block = blocks_[random_() % blocks_.size()];
        size_t before = units_of(block);
        size_t wanted = units_at_most(units_max_);
        if (hak_i_arena_large_resize(&space_->arena, space_->record(block), wanted * UNIT)) {
            ASSERT_EQ(units_of(block), wanted);
            stamp(space_->unit_of(block), std::min(before, wanted), wanted);
        } else {
            ASSERT_EQ(units_of(block), before);
        }
    }

    void move_large()
    {
        if (blocks_.empty()) {
            return;
        }
        void *&block = blocks_[random_() % blocks_.size()];
        size_t before = units_of(block);
        size_t wanted = before + units_at_most(units_max_);
        void *moved = hak_i_arena_large_move(&space_->arena, space_->record(block), wanted * UNIT);
        if (moved == nullptr) {
            refusals_++;
            return;
        }
        expect_stamped(space_->unit_of(moved), before);
        stamp(space_->unit_of(moved), before, wanted);
        block = moved;
    }

    void rare()
    {
        if (random_() % 16 == 0) {
            hak_i_arena_purge(&space_->arena);
        } else {
            fake_os::advance_ms(random_() % 300);
        }
    }

    Space *space_;
    std::mt19937_64 random_;
    size_t stamp_;
    size_t units_max_;
    size_t refusals_ = 0;
    std::vector<Held> spans_;
    std::vector<void *> blocks_;
};

} // namespace hak_test

#endif
