// SPDX-License-Identifier: MIT
// Heaps on their ground, used as the front uses them; and a census of where every block is.
#ifndef HAKMEM_TEST_HEAP_MACHINE_H
#define HAKMEM_TEST_HEAP_MACHINE_H

#include "heap/heap.h"
#include "heap/heap_hot.h"
#include "heap/heap_private.h"
#include "slab/ground.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>

namespace hak_test {

constexpr unsigned CLASS_16 = 0, CLASS_32 = 1, CLASS_64 = 3, CLASS_128 = 7, CLASS_1K = 23;
constexpr unsigned CLASS_4K = HAK_TINY_CLASS_COUNT + 7, CLASS_8K = HAK_TINY_CLASS_COUNT + 11;
constexpr unsigned CLASS_16K = HAK_TINY_CLASS_COUNT + 15;
constexpr unsigned CLASS_64K = HAK_TINY_CLASS_COUNT + 23, CLASS_256K = HAK_CLASS_COUNT - 1;

inline unsigned stack_count(const hak_heap *heap, unsigned class_index)
{
    return static_cast<unsigned>(heap->hot.bins[class_index].top - heap->stacks[class_index].first);
}

/** Pushes the block as a fast path does that does not notice. */
inline void push_again(hak_heap *heap, unsigned class_index, void *block)
{
    *heap->hot.bins[class_index].top++ = block;
}

/** What a heap's stacks may hold: its part of 64 MiB or an eighth of its slabs, between 2 MiB and 8 MiB. */
inline size_t grant_limit(size_t slab_bytes, size_t heaps)
{
    return std::min(std::max({slab_bytes / 8, 64 * HAK_MIB / heaps, 2 * HAK_MIB}), 8 * HAK_MIB);
}

class Machine : public Ground {
public:
    explicit Machine(bool check_full = false) { hak_i_heaps_init(&heaps, &slabs, check_full); }

    hak_heap *claim(hak_heap *preferred = nullptr) { return hak_i_heap_claim(&heaps, preferred); }

    /** From now on others may take the slabs of the heaps that are idle. */
    static void let_rest() { fake_os::advance_ms(50); }

    void *alloc(hak_heap *heap, unsigned class_index)
    {
        void *block = hak_i_heap_pop(&heap->hot.bins[class_index]);
        return block != nullptr ? block : hak_i_heap_alloc(heap, class_index);
    }

    bool free_foreign(hak_heap_hot *heap, uint32_t id, void *block) const
    {
        if (!hak_i_heap_may_keep(id)) {
            return hak_i_heap_combine(heap, id, block);
        }
        return hak_i_heap_keep(heap, id, slab_of(block), block) ||
               (hak_i_heap_has_no_stack(heap, id) && hak_i_heap_combine(heap, id, block));
    }

    void free(hak_heap *heap, void *block)
    {
        size_t scaled_class = hak_i_heap_own_class(&heap->hot, block);
        if (scaled_class < HAK_CLASSES_SCALED && hak_i_heap_push(&heap->hot, block, scaled_class)) {
            return;
        }
        uint32_t id = id_at(address_of(block));
        if (hak_i_heap_number_of_id(id) == heap->number) {
            hak_i_heap_free(heap, hak_i_heap_class_of_id(id), block);
        } else if (!free_foreign(&heap->hot, id, block)) {
            hak_i_heap_free_remote(heap, id, block);
        }
    }

    std::vector<void *> alloc_many(hak_heap *heap, unsigned class_index, size_t count)
    {
        std::vector<void *> blocks;
        while (blocks.size() < count) {
            blocks.push_back(alloc(heap, class_index));
            if (blocks.back() == nullptr) {
                throw std::runtime_error("no memory");
            }
        }
        return blocks;
    }

    void free_all(hak_heap *heap, const std::vector<void *> &blocks)
    {
        for (void *block : blocks) {
            free(heap, block);
        }
    }

    hak_slab *slab_of(const void *block) const { return static_cast<hak_slab *>(record_at(address_of(block))); }

    void for_each_bound_slab(const std::function<void(hak_slab *)> &body) const
    {
        for (size_t unit = hak_i_arena_next_held(&arena, 0); unit != HAK_NO_UNIT;) {
            auto *slab = static_cast<hak_slab *>(hak_i_registry_record(&registry, unit));
            bool starts = slab != nullptr && slab->state != HAK_SLAB_UNUSED && unit_of(slab->start) == unit;
            if (starts && slab->state == HAK_SLAB_BOUND) {
                body(slab);
            }
            unit = hak_i_arena_next_held(&arena, unit + (starts ? slab->span_bytes >> HAK_UNIT_SHIFT : 1));
        }
    }

    void for_each_heap(const std::function<void(hak_heap *)> &body) const
    {
        for (hak_heap *heap = heaps.all; heap != nullptr; heap = heap->next_heap) {
            body(heap);
        }
    }

    static void for_each_entry(const hak_heap *heap, const std::function<void(const hak_combine_entry &)> &body)
    {
        std::for_each(std::begin(heap->combine.current), std::end(heap->combine.current), body);
        std::for_each(std::begin(heap->combine.waiting), std::end(heap->combine.waiting), body);
    }

    std::vector<void *> passed(unsigned class_index)
    {
        std::vector<void *> blocks(HAK_DEPOT_SLOTS);
        blocks.resize(hak_i_depot_copy(&heaps, class_index, blocks.data()));
        return blocks;
    }

    /** Blocks in the program's hands, while every heap is at rest. */
    size_t live_blocks() const
    {
        size_t live = 0;
        for_each_bound_slab([&](hak_slab *slab) {
            live += slab->carved - size_t{slab->free_count};
            for (uint64_t bits : slab->remote) {
                live -= hak_bits_count(bits);
            }
        });
        for_each_heap([&](hak_heap *heap) {
            for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
                live -= stack_count(heap, i);
            }
            for_each_entry(heap, [&](const hak_combine_entry &entry) { live -= hak_bits_count(entry.bits); });
        });
        for (const hak_depot &depot : heaps.depots) {
            live -= depot.count;
        }
        return live;
    }

    /** Every audit of every box, and what no box alone can see; while every heap is at rest. */
    testing::AssertionResult is_sound()
    {
        std::string faults;
        for_each_heap([&](hak_heap *heap) {
            if (int broken = hak_i_heap_audit(heap)) {
                faults += " heap audit " + std::to_string(broken);
            }
        });
        for_each_bound_slab([&](hak_slab *slab) {
            if (int broken = hak_i_slab_audit(&slabs, slab)) {
                faults += " slab audit " + std::to_string(broken);
            }
        });
        if (int broken = hak_i_arena_audit(&arena)) {
            faults += " arena audit " + std::to_string(broken);
        }
        faults += each_block_is_in_one_place() ? "" : " a block is in two places";
        faults += pending_slabs_are_in_one_inbox() ? "" : " S4 is broken";
        faults += lists_hold_all_slabs_with_room() ? "" : " H2 is broken";
        faults += retained_is_right() ? "" : " retained bytes are wrong";
        faults += holes_are_told() ? "" : " hole bytes are wrong";
        return faults.empty() ? testing::AssertionSuccess() : testing::AssertionFailure() << faults;
    }

    hak_heaps heaps = {};

private:
    /** Contract E for stacks, depots and combining buffers: their blocks are distinct, carved, and free nowhere else.
     */
    bool each_block_is_in_one_place()
    {
        bool sound = true;
        std::set<std::pair<hak_slab *, unsigned>> seen;
        auto check = [&](hak_slab *slab, unsigned index) {
            uint64_t bits = slab->local[index / 64] | slab->remote[index / 64];
            sound = sound && slab->state == HAK_SLAB_BOUND && seen.emplace(slab, index).second &&
                    index < slab->carved && (bits >> index % 64 & 1) == 0;
        };
        for_each_heap([&](hak_heap *heap) {
            for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
                for (void **at = heap->stacks[i].first; at < heap->hot.bins[i].top; at++) {
                    check(slab_of(*at), hak_i_slab_index(slab_of(*at), address_of(*at)));
                    uint32_t id = id_at(address_of(*at));
                    bool may_be_anothers = i >= HAK_TINY_CLASS_COUNT || heap->parted;
                    bool mine = hak_i_heap_number_of_id(id) == heap->number;
                    sound = sound && hak_i_heap_class_of_id(id) == i && (mine || may_be_anothers);
                }
            }
            for_each_entry(heap, [&](const hak_combine_entry &entry) {
                auto *slab = entry.bits == 0 ? nullptr : static_cast<hak_slab *>(record_at(entry.key));
                for (uint64_t bits = entry.bits; bits != 0; bits &= bits - 1) {
                    check(slab, static_cast<unsigned>(entry.key - slab->start) * 64 + hak_bits_lowest(bits));
                }
            });
        });
        for (unsigned i = HAK_TINY_CLASS_COUNT; i < HAK_CLASS_COUNT; i++) {
            for (void *block : passed(i)) {
                check(slab_of(block), hak_i_slab_index(slab_of(block), address_of(block)));
                sound = sound && slab_of(block)->class_index == i;
            }
        }
        return sound;
    }

    bool pending_slabs_are_in_one_inbox() const
    {
        std::map<hak_slab *, int> pending;
        for_each_heap([&](hak_heap *heap) {
            for (auto *slab = reinterpret_cast<hak_slab *>(heap->inbox.head & ~HAK_INBOX_IDLE); slab != nullptr;) {
                pending[slab]++;
                slab = slab->next_pending;
            }
            for (hak_slab *slab = heap->drained; slab != nullptr; slab = slab->next_pending) {
                pending[slab]++;
            }
        });
        bool sound = true;
        for_each_bound_slab([&](hak_slab *slab) { sound = sound && pending[slab] == (slab->summary != 0 ? 1 : 0); });
        return sound;
    }

    bool lists_hold_all_slabs_with_room() const
    {
        std::map<hak_slab *, hak_inbox *> listed;
        bool sound = true;
        for_each_heap([&](hak_heap *heap) {
            for (const hak_stack &stack : heap->stacks) {
                for (hak_slab *slab = hak_i_rooms_lowest(stack.rooms); slab != nullptr;
                     slab = hak_i_rooms_next(stack.rooms, slab)) {
                    sound = sound && listed.emplace(slab, &heap->inbox).second;
                }
            }
        });
        for_each_bound_slab([&](hak_slab *slab) {
            auto found = listed.find(slab);
            sound = sound && (found != listed.end()) == hak_i_slab_has_room(slab) &&
                    (found == listed.end() || found->second == slab->owner);
        });
        return sound;
    }

    bool retained_is_right() const
    {
        size_t bytes = 0;
        for_each_heap([&](hak_heap *heap) {
            bytes += heap->put_away_bytes;
            for (unsigned i = 0; i < heap->empty_count; i++) {
                bytes += heap->empties[i]->span_bytes;
            }
            for (const hak_stack &stack : heap->stacks) {
                bytes += stack.kept != nullptr ? stack.kept->span_bytes : 0;
            }
        });
        return bytes == arena.retained_bytes;
    }

    bool holes_are_told() const
    {
        size_t bytes = 0;
        for_each_bound_slab([&](hak_slab *slab) { bytes += slab->hole_bytes; });
        return bytes == arena.hole_bytes;
    }
};

/** A machine and a heap that the test holds. */
class HeapTest : public testing::Test {
protected:
    void TearDown() override { EXPECT_TRUE(machine_.is_sound()); }

    const hak_stack &stack(unsigned class_index) const { return heap_->stacks[class_index]; }
    unsigned count(unsigned class_index) const { return stack_count(heap_, class_index); }
    void *alloc(unsigned class_index) { return machine_.alloc(heap_, class_index); }
    std::vector<void *> alloc_many(unsigned class_index, size_t count)
    {
        return machine_.alloc_many(heap_, class_index, count);
    }
    void free(void *block) { machine_.free(heap_, block); }
    void free_all(const std::vector<void *> &blocks) { machine_.free_all(heap_, blocks); }

    FreshOs os_{HAK_GIB};
    Machine machine_;
    hak_heap *heap_ = machine_.claim();
};

} // namespace hak_test

#endif
