// SPDX-License-Identifier: MIT
// Each invariant is broken once, and the audit names it.
#include "heap/machine.h"

using namespace hak_test;

namespace {

class HeapAudit : public testing::Test {
protected:
    HeapAudit()
    {
        std::vector<void *> blocks = machine_.alloc_many(heap_, CLASS_64, 2000);
        for (size_t i = 0; i < blocks.size(); i += 2) {
            machine_.free(heap_, blocks[i]);
        }
        EXPECT_TRUE(machine_.is_sound());
    }

    int audit() const { return hak_i_heap_audit(heap_); }

    FreshOs os_;
    Machine machine_;
    hak_heap *heap_ = machine_.claim();
    hak_stack &stack_ = heap_->stacks[CLASS_64];
    hak_bin &bin_ = heap_->hot.bins[CLASS_64];
};

TEST_F(HeapAudit, H1NamesAWrongSumOfGrants)
{
    heap_->granted_bytes += 64;
    EXPECT_EQ(audit(), 1);
}

TEST_F(HeapAudit, H1NamesACapacityThatWasNotGranted)
{
    stack_.capacity++;
    EXPECT_EQ(audit(), 1);
}

TEST_F(HeapAudit, H2NamesASlabOfAnotherOwner)
{
    hak_inbox other = {};
    stack_.rooms->owner = &other;
    EXPECT_EQ(audit(), 2);
}

TEST_F(HeapAudit, H2NamesASlabOfAnotherClass)
{
    heap_->stacks[CLASS_128].rooms = stack_.rooms;
    EXPECT_EQ(audit(), 2);
}

TEST_F(HeapAudit, H2NamesASlabThatIsNotSoundItself)
{
    stack_.rooms->free_count++;
    EXPECT_EQ(audit(), 2);
}

TEST_F(HeapAudit, H3NamesAnIdleHeapWithoutTheMark)
{
    hak_i_heap_release(heap_);
    ASSERT_EQ(audit(), 0);
    heap_->inbox.head = 0;
    EXPECT_EQ(audit(), 3);
}

TEST_F(HeapAudit, H3NamesAnIdleHeapWithACombiningBuffer)
{
    hak_i_heap_release(heap_);
    heap_->combine.open = 1;
    EXPECT_EQ(audit(), 3);
    heap_->combine.open = 0;
    heap_->combine.waiting_mask = 1;
    EXPECT_EQ(audit(), 3);
}

TEST_F(HeapAudit, H4NamesAWrongSumOfSlabs)
{
    hak_i_heap_release(heap_);
    ASSERT_EQ(audit(), 0);
    heap_->put_away_bytes += HAK_KIB;
    EXPECT_EQ(audit(), 6);
}

TEST_F(HeapAudit, H4NamesAStackOfTwoSlabs)
{
    for (int i = 0; i < 2; i++) {
        stack_.first[i] = machine_.alloc_many(heap_, CLASS_128, 512).back();
    }
    hak_i_heap_release(heap_);
    heap_->put_away_bytes = hak_i_slab_classes[CLASS_64].slab_bytes;
    bin_.top = stack_.first + 2;
    EXPECT_EQ(audit(), 6);
}

TEST_F(HeapAudit, H4NamesAPutAwaySlabOfAnotherClass)
{
    stack_.put_away = machine_.slab_of(machine_.alloc(heap_, CLASS_128));
    EXPECT_EQ(audit(), 6);
    stack_.put_away = nullptr;
}

TEST_F(HeapAudit, H4NamesAHeldHeapThatCounts)
{
    heap_->put_away_bytes = HAK_KIB;
    EXPECT_EQ(audit(), 6);
}

TEST_F(HeapAudit, T1NamesATopBelowTheFirst)
{
    bin_.top = stack_.first - 1;
    EXPECT_EQ(audit(), 4);
}

TEST_F(HeapAudit, T1NamesATopAboveTheLimit)
{
    bin_.top = bin_.full + 1;
    EXPECT_EQ(audit(), 4);
}

TEST_F(HeapAudit, T1NamesALimitBeyondTheArray)
{
    bin_.full = stack_.array + HAK_STACK_SENTINELS + stack_.slots + 1;
    EXPECT_EQ(audit(), 4);
}

TEST_F(HeapAudit, T1NamesALimitBeyondTheCapacity)
{
    bin_.full = stack_.first + stack_.capacity + 1;
    EXPECT_EQ(audit(), 4);
}

TEST_F(HeapAudit, T2NamesABlockInASentinelsPlace)
{
    for (int i : {1, 2}) {
        stack_.first[-i] = heap_;
        EXPECT_EQ(audit(), 5);
        stack_.first[-i] = nullptr;
        EXPECT_EQ(audit(), 0);
    }
}

} // namespace
