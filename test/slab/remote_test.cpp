// SPDX-License-Identifier: MIT
// Blocks freed by threads that do not own the slab: nothing is lost, nothing comes twice, a slab is pending once.
#include "slab/ground.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>

using namespace hak_test;

namespace {

constexpr uint32_t ID_BASE = 1 << 12;
constexpr unsigned CLASS_64 = 3;
constexpr unsigned CLASS_40K = HAK_TINY_CLASS_COUNT + 20;

hak_slab *next_pending(hak_slab *slab)
{
    return hak_load_relaxed(&slab->next_pending);
}

class SlabRemote : public testing::Test {
protected:
    hak_slab *full(unsigned class_index)
    {
        hak_slab *slab = ground_.bound(class_index, &inbox_, ID_BASE);
        take(slab, HAK_SLAB_BLOCKS_MAX);
        return slab;
    }

    FreshOs os_;
    Ground ground_;
    hak_inbox inbox_ = {};
};

TEST_F(SlabRemote, ASlabIsPendingOnceHoweverMuchIsPublished)
{
    hak_slab *slab = full(CLASS_64);
    hak_i_slab_publish(slab, 0, 1);
    hak_i_slab_publish(slab, 0, 2);
    hak_i_slab_publish(slab, 5, 4);
    EXPECT_EQ(hak_i_inbox_take(&inbox_), slab);
    EXPECT_EQ(next_pending(slab), nullptr);
    EXPECT_EQ(hak_i_inbox_take(&inbox_), nullptr);

    EXPECT_EQ(hak_i_slab_pending_words(slab), 0x21u);
    EXPECT_EQ(hak_i_slab_collect(slab, 0), 3u);
    EXPECT_EQ(hak_i_slab_collect(slab, 5), 4u);
    EXPECT_EQ(hak_i_slab_collect(slab, 5), 0u);
    EXPECT_EQ(hak_i_slab_pending_words(slab), 0u);
}

TEST_F(SlabRemote, IsPendingAgainOnceItWasCollected)
{
    hak_slab *slab = full(CLASS_64);
    for (int round = 0; round < 3; round++) {
        hak_i_slab_publish(slab, 2, 8);
        ASSERT_EQ(hak_i_inbox_take(&inbox_), slab);
        ASSERT_EQ(hak_i_slab_pending_words(slab), 4u);
        ASSERT_EQ(hak_i_slab_collect(slab, 2), 8u);
    }
}

TEST_F(SlabRemote, TakesPendingSlabsAsAList)
{
    hak_slab *slabs[] = {full(CLASS_64), full(CLASS_40K), full(0)};
    for (hak_slab *slab : slabs) {
        hak_i_slab_publish(slab, 0, 1);
    }
    std::vector<hak_slab *> taken;
    for (hak_slab *slab = hak_i_inbox_take(&inbox_); slab != nullptr; slab = next_pending(slab)) {
        taken.push_back(slab);
    }
    std::sort(taken.begin(), taken.end());
    std::sort(std::begin(slabs), std::end(slabs));
    EXPECT_TRUE(std::equal(taken.begin(), taken.end(), std::begin(slabs), std::end(slabs)));
}

TEST_F(SlabRemote, SeesWhatWasPublishedTwice)
{
    hak_slab *slab = full(CLASS_64);
    EXPECT_EQ(hak_i_slab_publish(slab, 1, 0xF0).freed_twice, 0u);
    EXPECT_EQ(hak_i_slab_publish(slab, 1, 0x3C).freed_twice, 0x30u);
    EXPECT_EQ(hak_i_slab_publish(slab, 2, 0xF0).freed_twice, 0u);
}

TEST_F(SlabRemote, OnlyAnEmptyInboxBecomesIdle)
{
    hak_slab *slab = full(CLASS_64);
    hak_i_slab_publish(slab, 0, 1);
    EXPECT_FALSE(hak_i_inbox_make_idle(&inbox_));
    EXPECT_EQ(hak_i_inbox_take(&inbox_), slab);
    EXPECT_TRUE(hak_i_inbox_make_idle(&inbox_));
    EXPECT_EQ(inbox_.head, HAK_INBOX_IDLE);
    EXPECT_EQ(hak_i_inbox_take(&inbox_), nullptr);
    EXPECT_EQ(inbox_.head, 0u) << "whoever takes an inbox holds it";
}

TEST_F(SlabRemote, AnIdleInboxAsksForCareFrom256KiBOn)
{
    ASSERT_TRUE(hak_i_inbox_make_idle(&inbox_));
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(hak_i_slab_publish(full(CLASS_64), 0, 1).idle, nullptr) << (i + 1) * 64 << " KiB are pending";
    }
    EXPECT_EQ(hak_i_slab_publish(full(CLASS_64), 0, 1).idle, &inbox_);
    EXPECT_EQ(hak_i_slab_publish(full(CLASS_64), 0, 1).idle, &inbox_) << "nobody came";
    size_t count = 0;
    for (hak_slab *slab = hak_i_inbox_take(&inbox_); slab != nullptr; slab = next_pending(slab)) {
        count++;
    }
    EXPECT_EQ(count, 5u);
    ASSERT_TRUE(hak_i_inbox_make_idle(&inbox_));
    EXPECT_EQ(hak_i_slab_publish(full(CLASS_64), 0, 1).idle, nullptr) << "counting starts again";
}

TEST_F(SlabRemote, ASlabThatWasHandedOverIsForwarded)
{
    hak_inbox other = {};
    hak_slab *slab = full(CLASS_64);
    hak_i_slab_publish(slab, 0, 6);
    hak_i_slab_hand_over(&ground_.slabs, slab, &other, 2 * ID_BASE);
    hak_i_slab_publish(slab, 3, 8);
    EXPECT_EQ(hak_i_inbox_take(&other), nullptr) << "it is pending at its first owner still";
    ASSERT_EQ(hak_i_inbox_take(&inbox_), slab);
    hak_i_inbox_push(&other, slab);
    ASSERT_EQ(hak_i_inbox_take(&other), slab);
    EXPECT_EQ(hak_i_slab_pending_words(slab), 9u);
    EXPECT_EQ(hak_i_slab_collect(slab, 0), 6u);
    EXPECT_EQ(hak_i_slab_collect(slab, 3), 8u);
}

/* ------------------------------------------------------------------------------------------------------ threads ----
 */

constexpr unsigned FREERS = 4;
constexpr unsigned SLABS = 3;

/** Where the owner leaves blocks for one freer. */
struct Mailbox {
    std::atomic<uintptr_t> block;
};

class SlabRemoteThreads : public SlabRemote {
protected:
    void SetUp() override
    {
        for (hak_slab *&slab : slabs_) {
            slab = ground_.bound(CLASS_64, &inbox_, ID_BASE);
        }
    }

    /** Publishes what comes, neighbours together now and then, until the owner says 1. */
    void free_what_comes(unsigned freer)
    {
        uint64_t bits = 0;
        hak_slab *slab = nullptr;
        unsigned word = 0;
        for (;;) {
            uintptr_t block = mailboxes_[freer].block.exchange(0, std::memory_order_acquire);
            if (block == 0) {
                std::this_thread::yield();
                continue;
            }
            hak_slab *at = block == 1 ? nullptr : static_cast<hak_slab *>(ground_.record_at(block));
            unsigned index = at == nullptr ? 0 : hak_i_slab_index(at, block);
            if (bits != 0 && (at != slab || index / 64 != word || hak_bits_count(bits) == 5)) {
                wrong_ += hak_i_slab_publish(slab, word, bits).freed_twice != 0;
                bits = 0;
            }
            if (at == nullptr) {
                return;
            }
            memset(reinterpret_cast<void *>(block), static_cast<int>(freer), 64);
            slab = at;
            word = index / 64;
            bits |= uint64_t{1} << index % 64;
        }
    }

    unsigned collect_pending()
    {
        unsigned count = 0;
        hak_slab *slab = hak_i_inbox_take(&inbox_);
        while (slab != nullptr) {
            hak_slab *next = next_pending(slab);
            for (uint64_t words = hak_i_slab_pending_words(slab); words != 0; words &= words - 1) {
                unsigned word = hak_bits_lowest(words);
                uint64_t bits = hak_i_slab_collect(slab, word);
                EXPECT_NE(bits, 0u) << "the summary named an empty word";
                EXPECT_EQ(hak_i_slab_give(slab, word, bits), 0u) << "collected twice";
                count += hak_bits_count(bits);
            }
            slab = next;
        }
        return count;
    }

    void hand_out(unsigned freer, uintptr_t message)
    {
        uintptr_t empty = 0;
        while (!mailboxes_[freer].block.compare_exchange_weak(empty, message, std::memory_order_release)) {
            empty = 0;
            std::this_thread::yield();
        }
    }

    hak_slab *slabs_[SLABS];
    Mailbox mailboxes_[FREERS] = {};
    std::atomic<unsigned> wrong_{0};
};

TEST_F(SlabRemoteThreads, EveryBlockThatWasFreedIsCollectedOnce)
{
    constexpr unsigned MESSAGES = 40000;
    std::vector<std::thread> freers;
    for (unsigned i = 0; i < FREERS; i++) {
        freers.emplace_back([this, i] { free_what_comes(i); });
    }
    unsigned collected = 0;
    for (unsigned i = 0; i < MESSAGES; i++) {
        void *block = nullptr;
        while (hak_i_slab_take(slabs_[i % SLABS], 1, &block + 1) == 0) {
            collected += collect_pending();
        }
        memset(block, 0x55, 64); // races with the freer's own write if the block came back too early
        hand_out(i / 7 % FREERS, address_of(block));
        if (i % 97 == 0) {
            collected += collect_pending();
        }
    }
    for (unsigned i = 0; i < FREERS; i++) {
        hand_out(i, 1);
        freers[i].join();
    }
    collected += collect_pending();
    EXPECT_EQ(collected, MESSAGES);
    EXPECT_EQ(wrong_, 0u);
    for (hak_slab *slab : slabs_) {
        EXPECT_TRUE(hak_i_slab_is_empty(slab));
        EXPECT_EQ(hak_load_relaxed(&slab->summary), 0u);
    }
}

TEST_F(SlabRemoteThreads, AWholeSlabFreedByAllAtOnceComesBackWhole)
{
    hak_slab *slab = slabs_[0];
    unsigned block_count = hak_i_slab_class(slab)->block_count;
    for (int round = 0; round < 50; round++) {
        ASSERT_EQ(take(slab, HAK_SLAB_BLOCKS_MAX).size(), block_count);
        std::atomic<bool> go{false};
        std::vector<std::thread> freers;
        for (unsigned i = 0; i < FREERS; i++) {
            freers.emplace_back([&, i] {
                while (!go.load(std::memory_order_acquire)) {
                }
                for (unsigned word = 0; word < block_count / 64; word++) {
                    wrong_ += hak_i_slab_publish(slab, word, 0x1111111111111111u << i).freed_twice != 0;
                }
            });
        }
        go.store(true, std::memory_order_release);
        unsigned collected = collect_pending();
        for (std::thread &freer : freers) {
            freer.join();
        }
        ASSERT_EQ(collected + collect_pending(), block_count);
        ASSERT_EQ(wrong_, 0u);
    }
}

} // namespace
