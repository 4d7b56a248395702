// SPDX-License-Identifier: MIT
// Sets of units against the plainest model there is.
#include "arena/runs.h"

#include "arena/fixture.h"

#include <set>

using namespace hak_test;

namespace {

class Model {
public:
    Model(size_t units, size_t phase, bool full)
        : memory_(hak_i_runs_bytes(units) / 8), bits_(units, full), phase_(phase)
    {
        hak_i_runs_init(&runs, memory_.data(), units, phase, full);
    }

    size_t units() const { return bits_.size(); }

    void set(size_t first, size_t count, bool in)
    {
        in ? hak_i_runs_add(&runs, first, count) : hak_i_runs_remove(&runs, first, count);
        std::fill(at(first), at(first + count), in);
    }

    void expect_same()
    {
        ASSERT_TRUE(hak_i_runs_audit(&runs));
        size_t unit = 0;
        while (unit < units() && hak_i_runs_has(&runs, unit) == bits_[unit]) {
            unit++;
        }
        ASSERT_EQ(unit, units());
        lengths_ = lengths();
        EXPECT_EQ(hak_i_runs_longest(&runs), *std::max_element(lengths_.begin(), lengths_.end()));
    }

    void expect_same_part(size_t first, size_t count)
    {
        EXPECT_EQ(hak_i_runs_count(&runs, first, count),
                  static_cast<size_t>(std::count(at(first), at(first + count), true)));
        EXPECT_EQ(hak_i_runs_length(&runs, first, count), std::min(lengths_[first], count));
        EXPECT_EQ(hak_i_runs_length(&runs, first, SIZE_MAX), lengths_[first]);
    }

    /** A lowest fit is promised where few runs are long enough and lie badly, or where alignment is no matter. */
    void expect_same_find(size_t count, size_t align)
    {
        size_t found = hak_i_runs_find(&runs, count, align);
        size_t expected = find(count, align);
        if (align == 1 || expected == HAK_NO_UNIT || long_runs(count) <= 10) {
            EXPECT_EQ(found, expected) << count << " at multiples of " << align;
        } else if (found == HAK_NO_UNIT) {
            EXPECT_EQ(long_runs(count + align - 1), 0u);
        } else {
            EXPECT_EQ((found + phase_) % align, 0u);
            EXPECT_GE(lengths_[found], count);
        }
    }

    void expect_same_find_from(size_t from, size_t count)
    {
        size_t unit = from;
        while (unit + count <= units() && lengths_[unit] < count) {
            unit++;
        }
        EXPECT_EQ(hak_i_runs_find_from(&runs, from, count), unit + count <= units() ? unit : HAK_NO_UNIT)
            << count << " from " << from;
    }

    hak_runs runs;

private:
    std::vector<bool>::iterator at(size_t unit) { return bits_.begin() + static_cast<long>(unit); }

    /** Of the run that starts at each unit. */
    std::vector<size_t> lengths() const
    {
        std::vector<size_t> all(units());
        for (size_t unit = units(); unit-- > 0;) {
            all[unit] = !bits_[unit] ? 0 : unit + 1 == units() ? 1 : all[unit + 1] + 1;
        }
        return all;
    }

    size_t find(size_t count, size_t align) const
    {
        for (size_t unit = 0; unit + count <= units(); unit++) {
            if (lengths_[unit] >= count && (unit + phase_) % align == 0) {
                return unit;
            }
        }
        return HAK_NO_UNIT;
    }

    size_t long_runs(size_t count) const
    {
        size_t runs_found = 0;
        for (size_t unit = 0; unit < units(); unit++) {
            runs_found += lengths_[unit] >= count && (unit == 0 || !bits_[unit - 1]);
        }
        return runs_found;
    }

    std::vector<uint64_t> memory_;
    std::vector<bool> bits_;
    std::vector<size_t> lengths_;
    size_t phase_;
};

void change_at_random(Model *model, std::mt19937_64 *random, size_t longest)
{
    size_t first = (*random)() % model->units();
    size_t count = 1 + (*random)() % std::min(longest, model->units() - first);
    model->set(first, count, (*random)() % 2 == 0);
}

void ask_at_random(Model *model, std::mt19937_64 *random)
{
    size_t first = (*random)() % model->units();
    model->expect_same_part(first, 1 + (*random)() % (model->units() - first));
    size_t align = size_t{1} << (*random)() % 12;
    model->expect_same_find(1 + ((*random)() >> (48 + (*random)() % 16)), align);
    model->expect_same_find(1 + (*random)() % 40, align);
    model->expect_same_find(1 + (*random)() % 40, 1);
    model->expect_same_find_from(first, 1 + (*random)() % 40);
    model->expect_same_find_from(first, 1 + ((*random)() >> (48 + (*random)() % 16)));
}

struct Kind {
    size_t units;
    size_t phase;
    bool full;
};

class ArenaRuns : public testing::TestWithParam<Kind> {};

std::string name_of(const testing::TestParamInfo<Kind> &kind)
{
    return std::to_string(kind.param.units) + "Units" + (kind.param.full ? "Inverted" : "Plain") + "Phase" +
           std::to_string(kind.param.phase);
}

const Kind kinds[] = {{512, 0, false},    {512, 512, true},  {1024, 0, true},     {1536, 100, false},
                      {1536, 1536, true}, {3584, 0, true},   {8192, 4096, false}, {16896, 512 * 77, true},
                      {16896, 3, false},  {66048, 0, false}, {66048, 512, true}};

} // namespace

INSTANTIATE_TEST_SUITE_P(Kinds, ArenaRuns, testing::ValuesIn(kinds), name_of);

TEST_P(ArenaRuns, StartsEmptyOrFull)
{
    auto [units, phase, full] = GetParam();
    Model model(units, phase, full);
    model.expect_same();
    EXPECT_EQ(hak_i_runs_longest(&model.runs), full ? units : 0);
    EXPECT_EQ(hak_i_runs_find(&model.runs, units, 1), full ? 0 : HAK_NO_UNIT);
    EXPECT_EQ(hak_i_runs_find(&model.runs, units + 1, 1), HAK_NO_UNIT);
}

TEST_P(ArenaRuns, AgreesWithTheModel)
{
    auto [units, phase, full] = GetParam();
    std::mt19937_64 random(seed_for("ArenaRuns"));
    for (size_t longest : {size_t{5}, size_t{70}, size_t{700}, units}) {
        Model model(units, phase, full);
        for (int round = 0; round < 20; round++) {
            for (int i = 0; i < 10; i++) {
                change_at_random(&model, &random, longest);
            }
            ASSERT_NO_FATAL_FAILURE(model.expect_same());
            for (int i = 0; i < 5; i++) {
                ask_at_random(&model, &random);
            }
        }
    }
}

TEST_P(ArenaRuns, FindsTheLastUnit)
{
    auto [units, phase, full] = GetParam();
    Model model(units, phase, full);
    if (full) {
        model.set(0, units, false);
    }
    model.set(units - 1, 1, true);
    model.expect_same();
    model.expect_same_find(1, 1);
    model.expect_same_find(2, 1);
    model.expect_same_part(units - 1, 1);
}

TEST(ArenaRunsFind, AlignsAddressesAndNotUnits)
{
    Model model(1024, 512 * 3, true); // unit 0 lies at 1536, unit 512 at a multiple of 2048
    EXPECT_EQ(hak_i_runs_find(&model.runs, 1, 2048), 512u);
    EXPECT_EQ(hak_i_runs_find(&model.runs, 512, 2048), 512u);
    EXPECT_EQ(hak_i_runs_find(&model.runs, 513, 2048), HAK_NO_UNIT);
}

TEST(ArenaRunsFind, CrossesEveryBorder)
{
    for (size_t border : {size_t{64}, size_t{512}, size_t{1024}, size_t{4096}}) {
        Model model(8192, 0, false);
        model.set(border - 10, 30, true);
        EXPECT_EQ(hak_i_runs_find(&model.runs, 30, 1), border - 10);
        EXPECT_EQ(hak_i_runs_find(&model.runs, 20, 32), border);
        EXPECT_EQ(hak_i_runs_find(&model.runs, 31, 1), HAK_NO_UNIT);
    }
}

TEST(ArenaRunsNodes, LieInFewPagesOnTheWayToOneLeaf)
{
    constexpr size_t page = 4096;
    constexpr size_t units = size_t{1} << 22; // of a range of 64 GiB
    for (size_t unit : {size_t{0}, units / 2 + 12345, units - 1}) {
        std::vector<uint64_t> memory(hak_i_runs_bytes(units) / 8 + 1);
        hak_runs runs;
        hak_i_runs_init(&runs, memory.data(), units, 0, false);
        hak_i_runs_add(&runs, unit, 1);
        std::set<size_t> pages;
        for (size_t node = 0; reinterpret_cast<uint64_t *>(&runs.nodes[node]) < &memory.back(); node++) {
            if (runs.nodes[node].longest != 0) {
                pages.insert(node * sizeof *runs.nodes / page);
            }
        }
        EXPECT_LE(pages.size(), 3u);
    }
}

TEST(ArenaRunsAudit, SeesABitThatTheTreeMisses)
{
    for (bool full : {false, true}) {
        Model model(1536, 0, full);
        model.runs.words[9] ^= 1;
        EXPECT_FALSE(hak_i_runs_audit(&model.runs));
    }
}

TEST(ArenaRunsAudit, SeesWhatLiesBesideTheRoot)
{
    Model model(4096, 0, false);
    model.set(512, 100, true);
    ASSERT_TRUE(hak_i_runs_audit(&model.runs));
    model.runs.root *= 2; // over the first leaf alone
    EXPECT_FALSE(hak_i_runs_audit(&model.runs));
}

TEST(ArenaRunsAudit, SeesEveryWrongNode)
{
    for (size_t units : {size_t{4096}, size_t{66048}}) {
        Model model(units, 0, true);
        model.set(700, 100, false);
        size_t nodes = 2 * model.runs.leaves - 1;
        size_t seen = 0;
        for (size_t place = 1; place < nodes + 2 * model.runs.subtrees - 1; place++) {
            model.runs.nodes[place].longest++;
            seen += !hak_i_runs_audit(&model.runs);
            model.runs.nodes[place].longest--;
        }
        EXPECT_EQ(seen, nodes);
        EXPECT_TRUE(hak_i_runs_audit(&model.runs));
    }
}
