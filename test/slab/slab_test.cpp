// SPDX-License-Identifier: MIT
// Spans become slabs, blocks are taken and given, slabs change hands and go back.
#include "slab/ground.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace hak_test;

namespace {

constexpr uint32_t ID_BASE = 1 << 12;
constexpr unsigned CLASS_64 = 3; // 64 bytes, 1,024 blocks in 64 KiB
constexpr unsigned CLASS_1K = 23;
constexpr unsigned CLASS_40K = HAK_TINY_CLASS_COUNT + 20;

class Slab : public testing::Test {
protected:
    hak_slab *bound(unsigned class_index) { return ground_.bound(class_index, &inbox_, ID_BASE); }
    int audit(const hak_slab *slab) { return hak_i_slab_audit(&ground_.slabs, slab); }

    FreshOs os_;
    Ground ground_;
    hak_inbox inbox_ = {};
};

TEST_F(Slab, AcquireGivesAnEmptyAlignedSpanWithARecordForEveryUnit)
{
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        size_t bytes = hak_i_slab_classes[i].slab_bytes;
        hak_slab *slab = ground_.acquire(i);
        ASSERT_NE(slab, nullptr);
        EXPECT_EQ(slab->state, HAK_SLAB_EMPTY);
        EXPECT_EQ(slab->span_bytes, bytes);
        EXPECT_EQ(slab->start % (hak_is_power_of_two(bytes) ? bytes : HAK_UNIT_BYTES), 0u);
        for (uintptr_t unit = slab->start; unit < slab->start + bytes; unit += HAK_UNIT_BYTES) {
            EXPECT_EQ(ground_.record_at(unit), slab);
            EXPECT_EQ(ground_.id_at(unit), uint32_t{HAK_ID_NOTHING});
        }
        EXPECT_EQ(audit(slab), 0);
    }
}

TEST_F(Slab, TakesBlocksThatWereNeverUsedInAddressOrder)
{
    hak_slab *slab = bound(CLASS_64);
    std::vector<void *> first = take(slab, 10);
    std::vector<void *> rest = take(slab, HAK_SLAB_BLOCKS_MAX);
    ASSERT_EQ(first.size() + rest.size(), hak_i_slab_class(slab)->block_count);
    first.insert(first.end(), rest.begin(), rest.end());
    EXPECT_TRUE(std::is_sorted(first.begin(), first.end()));
    EXPECT_FALSE(hak_i_slab_has_room(slab));
    EXPECT_EQ(hak_i_slab_take(slab, 1, first.data() + 1), 0u);
}

TEST_F(Slab, TakesFreedBlocksInAddressOrderBeforeUnusedOnes)
{
    hak_slab *slab = bound(CLASS_64);
    std::vector<void *> blocks = take(slab, 300);
    for (unsigned index : {299u, 0u, 64u, 63u, 128u}) {
        ASSERT_TRUE(give(slab, blocks[index]));
    }
    EXPECT_EQ(slab->free_count, 5);
    std::vector<void *> two = take(slab, 2);
    EXPECT_EQ(two, (std::vector<void *>{blocks[0], blocks[63]}));
    std::vector<void *> more = take(slab, 5);
    EXPECT_EQ(more, (std::vector<void *>{blocks[64], blocks[128], blocks[299], hak_i_slab_block(slab, 300),
                                         hak_i_slab_block(slab, 301)}));
    EXPECT_EQ(slab->free_count, 0);
    EXPECT_EQ(slab->carved, 302);
}

TEST_F(Slab, KnowsWhetherBlocksAreOut)
{
    hak_slab *slab = bound(CLASS_64), *other = bound(CLASS_64);
    std::vector<void *> blocks = take(slab, 130);
    EXPECT_TRUE(hak_i_slab_are_out(slab, blocks.data(), 130));
    auto out = [&](void *block) {
        void *three[] = {blocks[0], block, blocks[129]};
        return hak_i_slab_are_out(slab, three, 3);
    };
    EXPECT_TRUE(out(blocks[64]));
    EXPECT_FALSE(out(blocks[0])) << "twice";
    EXPECT_FALSE(out(blocks[129])) << "twice";
    EXPECT_FALSE(out(hak_i_slab_block(slab, 130))) << "never used";
    EXPECT_FALSE(out(take(other, 1)[0])) << "another slab's";
    EXPECT_FALSE(out(reinterpret_cast<void *>(slab->start - 64)));
    EXPECT_FALSE(out(static_cast<char *>(blocks[64]) + (uintptr_t{1} << 38))) << "its number is 64 in 32 bits";
    ASSERT_TRUE(give(slab, blocks[64]));
    EXPECT_FALSE(out(blocks[64])) << "free";
    EXPECT_TRUE(out(blocks[65]));
}

TEST_F(Slab, KnowsThatTheBlocksItFoundOutAreStillOut)
{
    hak_slab *slab = bound(CLASS_64);
    std::vector<void *> blocks = take(slab, 130);
    auto still_out = [&](std::vector<size_t> indices) {
        std::vector<void *> some;
        for (size_t index : indices) {
            some.push_back(blocks[index]);
        }
        return hak_i_slab_are_still_out(slab, some.data(), static_cast<unsigned>(some.size()));
    };
    EXPECT_TRUE(still_out({0, 64, 129}));
    slab->local[0] |= 1; // so that another look would show
    EXPECT_TRUE(still_out({0, 64, 129}));
    EXPECT_TRUE(still_out({129, 0, 64})) << "in another order";
    EXPECT_FALSE(still_out({0, 64, 128}));
    EXPECT_FALSE(still_out({0, 64, 129})) << "others were looked at";
}

TEST_F(Slab, LooksForBlocksAnewThatMayHaveComeBack)
{
    hak_slab *slab = bound(CLASS_64);
    std::vector<void *> blocks = take(slab, 6);
    auto still_out = [&] { return hak_i_slab_are_still_out(slab, blocks.data(), 3); };
    ASSERT_TRUE(still_out());
    ASSERT_TRUE(give(slab, blocks[1]));
    EXPECT_FALSE(still_out());
    ASSERT_EQ(take(slab, 1)[0], blocks[1]);
    ASSERT_TRUE(still_out());
    hak_i_slab_hand_over(&ground_.slabs, slab, &inbox_, ID_BASE);
    slab->local[0] |= 1;
    EXPECT_FALSE(still_out()) << "the other owner found other blocks out";
    slab->local[0] = 0;
    ASSERT_TRUE(still_out());
    for (void *block : blocks) {
        ASSERT_TRUE(give(slab, block));
    }
    hak_i_slab_unbind(&ground_.slabs, slab);
    hak_i_slab_bind(&ground_.slabs, slab, CLASS_64, &inbox_, ID_BASE);
    EXPECT_FALSE(still_out()) << "never used";
}

TEST_F(Slab, TwoBlocksFreedTwiceInPlaceOfTwoOthersShow)
{
    hak_slab *slab = bound(CLASS_64);
    std::vector<void *> blocks = take(slab, 16);
    ASSERT_TRUE(hak_i_slab_are_still_out(slab, blocks.data(), 16));
    for (size_t a = 0; a < 15; a++) {
        for (size_t b = 0; b < a; b++) {
            std::vector<void *> wrong = blocks;
            wrong[a] = blocks[a + 1];
            wrong[b] = blocks[(b + 15) % 16];
            slab->out_sum = 0;
            ASSERT_TRUE(hak_i_slab_are_still_out(slab, blocks.data(), 16));
            EXPECT_FALSE(hak_i_slab_are_still_out(slab, wrong.data(), 16)) << a << ' ' << b;
        }
    }
}

TEST_F(Slab, NoBlockIsLostOrGivenTwiceOverALongRandomRun)
{
    std::mt19937_64 random = random_numbers("Slab.NoBlockIsLostOrGivenTwiceOverALongRandomRun");
    for (unsigned class_index : {0u, 2u, CLASS_64, CLASS_40K}) {
        hak_slab *slab = bound(class_index);
        unsigned count = hak_i_slab_class(slab)->block_count;
        std::vector<bool> is_live(count);
        std::vector<void *> live;
        for (int step = 0; step < 3000; step++) {
            for (void *block : take(slab, static_cast<unsigned>(random() % 70))) {
                unsigned index = hak_i_slab_index(slab, address_of(block));
                ASSERT_FALSE(is_live[index]) << "block " << index << " was handed out twice";
                is_live[index] = true;
                live.push_back(block);
            }
            for (size_t i = random() % 70; i > 0 && !live.empty(); i--) {
                std::swap(live[random() % live.size()], live.back());
                is_live[hak_i_slab_index(slab, address_of(live.back()))] = false;
                ASSERT_TRUE(give(slab, live.back()));
                live.pop_back();
            }
            slab->listed = hak_i_slab_has_room(slab);
            ASSERT_EQ(audit(slab), 0);
            ASSERT_EQ(slab->carved - slab->free_count, static_cast<int>(live.size()));
        }
    }
}

TEST_F(Slab, GiveLeavesOutBitsThatWereFreeAlreadyOrNeverUsed)
{
    hak_slab *slab = bound(CLASS_64);
    take(slab, 70);
    EXPECT_EQ(hak_i_slab_give(slab, 0, 0xF0), 0u);
    EXPECT_EQ(hak_i_slab_give(slab, 0, 0x3C), 0x30u);
    EXPECT_EQ(slab->free_count, 6);
    EXPECT_EQ(hak_i_slab_give(slab, 1, 0xFF), 0xC0u) << "blocks 70 and 71 were never used";
    EXPECT_EQ(hak_i_slab_give(slab, 2, ~uint64_t{0}), ~uint64_t{0});
    EXPECT_EQ(slab->free_count, 12);
    slab->listed = true;
    EXPECT_EQ(audit(slab), 0);
}

TEST_F(Slab, IsEmptyWhenEveryBlockIsBackOrWasNeverUsed)
{
    hak_slab *slab = bound(CLASS_64);
    EXPECT_TRUE(hak_i_slab_is_empty(slab));
    void *block = take(slab, 1)[0];
    EXPECT_FALSE(hak_i_slab_is_empty(slab));
    give(slab, block);
    EXPECT_TRUE(hak_i_slab_is_empty(slab));
}

/* ------------------------------------------------------------------------------------------------- clean blocks ----
 */

TEST_F(Slab, ACleanBlockReadsAsZeroAndWasNeverUsed)
{
    hak_slab *slab = bound(CLASS_40K);
    void *used = take(slab, 1)[0];
    memset(used, 0xAA, 40 * HAK_KIB);
    give(slab, used);
    std::vector<void *> clean;
    while (void *block = hak_i_slab_take_clean(slab)) {
        const char *bytes = static_cast<const char *>(block);
        EXPECT_EQ(std::count(bytes, bytes + 40 * HAK_KIB, 0), static_cast<ptrdiff_t>(40 * HAK_KIB));
        clean.push_back(block);
    }
    EXPECT_EQ(clean.size() + 1, hak_i_slab_class(slab)->block_count);
    EXPECT_EQ(std::count(clean.begin(), clean.end(), used), 0);
}

TEST_F(Slab, ASpanThatAnEarlierClassWroteIsNotClean)
{
    hak_slab *slab = bound(CLASS_64);
    give(slab, take(slab, 1)[0]);
    hak_i_slab_unbind(&ground_.slabs, slab);
    hak_i_slab_bind(&ground_.slabs, slab, CLASS_64, &inbox_, ID_BASE);
    EXPECT_EQ(hak_i_slab_take_clean(slab), nullptr);
}

TEST_F(Slab, ASpanThatAnEarlierClassOnlyHeldIsStillClean)
{
    hak_slab *slab = bound(CLASS_64);
    hak_i_slab_unbind(&ground_.slabs, slab);
    hak_i_slab_bind(&ground_.slabs, slab, CLASS_64, &inbox_, ID_BASE);
    EXPECT_NE(hak_i_slab_take_clean(slab), nullptr);
}

TEST_F(Slab, ReleaseTellsTheArenaHowMuchWasWritten)
{
    hak_slab *slab = bound(CLASS_40K);
    for (void *block : take(slab, 2)) {
        give(slab, block);
    }
    hak_i_slab_unbind(&ground_.slabs, slab);
    hak_i_slab_release(&ground_.slabs, slab);
    EXPECT_EQ(ground_.arena.dirty_units, 80 * HAK_KIB / HAK_UNIT_BYTES);
    EXPECT_EQ(ground_.held_units(), 0u);

    hak_slab *again = bound(CLASS_40K);
    EXPECT_FALSE(again->clean) << "its first units were written";
    hak_i_slab_unbind(&ground_.slabs, again);
    hak_i_slab_release(&ground_.slabs, again);
    EXPECT_EQ(ground_.arena.dirty_units, 512 * HAK_KIB / HAK_UNIT_BYTES) << "nothing is known of a written span";
}

TEST_F(Slab, ARowLiesSideBySide)
{
    hak_slab *row[8];
    ASSERT_EQ(hak_i_slab_acquire_row(&ground_.slabs, 64 * HAK_KIB, row, 8), 8u);
    for (size_t i = 0; i < 8; i++) {
        EXPECT_EQ(row[i]->start, row[0]->start + i * 64 * HAK_KIB);
        EXPECT_EQ(row[i]->span_bytes, 64 * HAK_KIB);
        EXPECT_EQ(row[i]->state, HAK_SLAB_EMPTY);
        EXPECT_TRUE(row[i]->clean);
        EXPECT_EQ(ground_.record_at(row[i]->start + 64 * HAK_KIB - 1), row[i]);
    }
    hak_i_slab_release_row(&ground_.slabs, row, 8);
    EXPECT_EQ(ground_.held_units(), 0u);
    EXPECT_EQ(ground_.arena.dirty_units, 0u) << "nobody wrote them";
}

TEST_F(Slab, ARowOfSlabsThatWereWrittenInPartIsReleasedAsWritten)
{
    hak_slab *row[4];
    ASSERT_EQ(hak_i_slab_acquire_row(&ground_.slabs, 64 * HAK_KIB, row, 4), 4u);
    for (unsigned i : {0u, 1u, 3u}) { // whole, whole, not at all, a unit
        hak_i_slab_bind(&ground_.slabs, row[i], CLASS_1K, &inbox_, ID_BASE);
        for (void *block : take(row[i], i == 3 ? 16 : 64)) {
            give(row[i], block);
        }
        hak_i_slab_unbind(&ground_.slabs, row[i]);
    }
    std::swap(row[2], row[3]); // in no order
    hak_i_slab_release_row(&ground_.slabs, row, 4);
    EXPECT_EQ(ground_.held_units(), 0u);
    EXPECT_EQ(ground_.arena.dirty_units, 9u);
}

/* ---------------------------------------------------------------------------------------------- records and IDs ----
 */

TEST_F(Slab, UnbindLeavesNoBlockAtAnyUnit)
{
    for (unsigned i = 0; i < HAK_CLASS_COUNT; i++) {
        hak_slab *slab = bound(i);
        ASSERT_NE(slab, nullptr);
        EXPECT_EQ(ground_.id_at(slab->start), ID_BASE | i * 32);
        hak_i_slab_unbind(&ground_.slabs, slab);
        EXPECT_EQ(slab->state, HAK_SLAB_EMPTY);
        for (uintptr_t unit = slab->start; unit < slab->start + slab->span_bytes; unit += HAK_UNIT_BYTES) {
            EXPECT_EQ(ground_.id_at(unit), uint32_t{HAK_ID_NOTHING});
        }
    }
}

TEST_F(Slab, RecordsAreUsedAgain)
{
    hak_slab *slab = ground_.acquire(CLASS_64);
    hak_i_slab_release(&ground_.slabs, slab);
    EXPECT_EQ(slab->state, HAK_SLAB_UNUSED);
    EXPECT_EQ(ground_.acquire(CLASS_40K), slab);
    EXPECT_EQ(slab->state, HAK_SLAB_EMPTY);
    EXPECT_EQ(slab->span_bytes, 512 * HAK_KIB);
}

TEST_F(Slab, HandOverChangesOwnerAndEveryIdAndKeepsTheBlocks)
{
    hak_inbox other = {};
    for (unsigned class_index : {CLASS_64, CLASS_40K, HAK_CLASS_COUNT - 1u}) {
        hak_slab *slab = bound(class_index);
        std::vector<void *> blocks = take(slab, 3);
        give(slab, blocks[1]);
        hak_i_slab_hand_over(&ground_.slabs, slab, &other, 2 * ID_BASE);
        EXPECT_EQ(slab->owner, &other);
        for (void *block : blocks) {
            EXPECT_EQ(ground_.id_at(address_of(block)), 2 * ID_BASE | class_index * 32);
        }
        EXPECT_EQ(take(slab, 1)[0], blocks[1]);
    }
}

/* -------------------------------------------------------------------------------------------------------- audit ----
 */

class SlabAudit : public Slab {
protected:
    SlabAudit()
    {
        take(slab_, 100);
        hak_i_slab_give(slab_, 0, 0xFF);
        hak_i_slab_publish(slab_, 1, 0x0F);
        slab_->listed = true;
        EXPECT_EQ(audit(slab_), 0);
    }

    hak_slab *slab_ = bound(CLASS_64);
};

TEST_F(SlabAudit, S1NamesABlockThatIsFreeInTwoPlaces)
{
    slab_->remote[0] = 0x80;
    EXPECT_EQ(audit(slab_), 1);
}

TEST_F(SlabAudit, S1NamesAFreeBlockThatWasNeverCarved)
{
    slab_->remote[1] |= uint64_t{1} << 36;
    EXPECT_EQ(audit(slab_), 1) << "block 100 is beyond the carve mark";
}

TEST_F(SlabAudit, S2NamesAWrongCount)
{
    slab_->free_count++;
    EXPECT_EQ(audit(slab_), 2);
}

TEST_F(SlabAudit, S3NamesASummaryThatPointsAtNothing)
{
    slab_->summary |= 4;
    EXPECT_EQ(audit(slab_), 3);
}

TEST_F(SlabAudit, S3NamesAWordThatDoesNotExist)
{
    slab_->summary |= uint64_t{1} << HAK_SLAB_WORDS;
    EXPECT_EQ(audit(slab_), 3);
}

TEST_F(SlabAudit, S5NamesASlabWithRoomThatIsNotListed)
{
    slab_->listed = false;
    EXPECT_EQ(audit(slab_), 5);
}

TEST_F(SlabAudit, S5NamesAFullSlabThatIsListed)
{
    take(slab_, HAK_SLAB_BLOCKS_MAX);
    EXPECT_EQ(audit(slab_), 5);
}

TEST_F(SlabAudit, NamesARecordThatItsUnitDoesNotKnow)
{
    hak_i_registry_set_record(&ground_.registry, ground_.unit_of(slab_->start), nullptr);
    EXPECT_EQ(audit(slab_), 6);
}

} // namespace
