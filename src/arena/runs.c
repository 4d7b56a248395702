// SPDX-License-Identifier: MIT
#include "arena/runs.h"

#include "base/bitmap.h"

/*
 * Node n has the children 2n and 2n + 1; 1 is over all units, `leaves` the first leaf. In memory, the nodes of the
 * lowest levels lie subtree by subtree, each without its root, behind all that are above: a way from the top to a leaf
 * crosses two or three pages, where in the order of the numbers each of the lowest levels would be a page of its own.
 * Two children of one node are neighbours.
 */
#define SUBTREE_NODES ((size_t)256)
#define SUBTREE_LEAVES (SUBTREE_NODES / 2)

/* Sets that follow one another lie alike in their pages: for a range of 64 GiB, one has all on the first way. */
#define PAGE_BYTES (4 * HAK_KIB)

/* After so many runs that are long enough but lie badly, one is looked for that is long enough wherever it lies. */
#define BAD_FITS_MAX 32

struct search {
    const struct hak_runs *runs;
    size_t count;
    size_t align;
    size_t from; /* what lies below does not count */
    unsigned bad_fits;
};

static size_t leaves_for(size_t units)
{
    return hak_power_of_two_at_least(units / HAK_RUNS_LEAF_UNITS);
}

static size_t subtrees_for(size_t leaves)
{
    return leaves > SUBTREE_LEAVES ? leaves / SUBTREE_LEAVES : 1;
}

size_t hak_i_runs_bytes(size_t units)
{
    size_t leaves = leaves_for(units);
    size_t nodes = 2 * (subtrees_for(leaves) - 1) + 2 * leaves;
    return hak_round_up(leaves * HAK_RUNS_LEAF_WORDS * sizeof(uint64_t) + nodes * sizeof(struct hak_run), PAGE_BYTES);
}

/* The pages of the first units are written at once: read first, each would cost two faults. */
static void touch(struct hak_runs *runs)
{
    hak_store_relaxed(&runs->words[0], 0);
    hak_store_relaxed(&runs->nodes[1].head, 0);
}

void hak_i_runs_init(struct hak_runs *runs, void *memory, size_t units, size_t phase, bool full)
{
    size_t leaves = leaves_for(units);
    uint64_t *words = (uint64_t *)memory;
    *runs = (struct hak_runs){.words = words,
                              .nodes = (struct hak_run *)(words + leaves * HAK_RUNS_LEAF_WORDS),
                              .leaves = leaves,
                              .subtrees = subtrees_for(leaves),
                              .subtree_level = hak_bits_highest(subtrees_for(leaves)),
                              .root = full ? 1 : leaves,
                              .root_span = full ? (uint32_t)(leaves * HAK_RUNS_LEAF_UNITS) : HAK_RUNS_LEAF_UNITS,
                              .phase = phase,
                              .inverted = full};
    touch(runs);
    if (full && leaves * HAK_RUNS_LEAF_UNITS > units)
        hak_i_runs_remove(runs, units, leaves * HAK_RUNS_LEAF_UNITS - units);
}

/* Words are read without the lock by hak_owns() and by reports, hence relaxed atomics. */
static uint64_t word_at(const struct hak_runs *runs, size_t index)
{
    uint64_t word = hak_load_relaxed(&runs->words[index]);
    return runs->inverted ? ~word : word;
}

/* An inverted set stores each length as what is missing to the node's whole span. */
HAK_INLINE struct hak_run translated(const struct hak_runs *runs, struct hak_run run, uint32_t span)
{
    if (!runs->inverted)
        return run;
    return (struct hak_run){span - run.head, span - run.longest, span - run.tail};
}

/* A subtree numbers its nodes from its root on, which is 1 there. */
HAK_INLINE struct hak_run *place_of(const struct hak_runs *runs, size_t node)
{
    if (node < 2 * runs->subtrees)
        return &runs->nodes[node];
    unsigned level = hak_bits_highest(node) - runs->subtree_level;
    size_t root = node >> level;
    size_t in_subtree = node - ((root - 1) << level);
    return &runs->nodes[2 * (runs->subtrees - 1) + (root - runs->subtrees) * SUBTREE_NODES + in_subtree];
}

HAK_INLINE struct hak_run node_at(const struct hak_runs *runs, size_t node, uint32_t span)
{
    return translated(runs, *place_of(runs, node), span);
}

static bool node_store(struct hak_runs *runs, size_t node, uint32_t span, struct hak_run run)
{
    struct hak_run stored = translated(runs, run, span);
    struct hak_run *place = place_of(runs, node);
    bool changed = place->head != stored.head || place->longest != stored.longest || place->tail != stored.tail;
    *place = stored;
    return changed;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t longest_in_word(uint64_t word)
{
    uint32_t length = 0;
    for (; word != 0; word &= word << 1)
        length++;
    return length;
}

/* A run at either end of a word is part of `open`; those inside it are looked for. */
static struct hak_run leaf_summary(const struct hak_runs *runs, size_t leaf)
{
    struct hak_run run = {0};
    uint32_t open = 0; /* the run that reaches the end of the words seen so far */
    for (size_t i = 0; i < HAK_RUNS_LEAF_WORDS; i++) {
        uint64_t word = word_at(runs, leaf * HAK_RUNS_LEAF_WORDS + i);
        if (word == ~(uint64_t)0) {
            open += 64;
            continue;
        }
        uint32_t first_gap = hak_bits_lowest(~word), last_gap = hak_bits_highest(~word);
        open += first_gap;
        if (run.head == 0 && open == i * 64 + first_gap)
            run.head = open;
        uint64_t inside = word & hak_bits_range(first_gap, last_gap - first_gap + 1);
        run.longest = larger(run.longest, larger(open, longest_in_word(inside)));
        open = 63 - last_gap;
    }
    run.tail = open;
    run.longest = larger(run.longest, open);
    if (open == HAK_RUNS_LEAF_UNITS)
        run.head = open;
    return run;
}

static struct hak_run joined(struct hak_run left, struct hak_run right, uint32_t half)
{
    return (struct hak_run){
        .head = left.head == half ? half + right.head : left.head,
        .longest = larger(larger(left.longest, right.longest), left.tail + right.head),
        .tail = right.tail == half ? half + left.tail : right.tail,
    };
}

static struct hak_run node_summary(const struct hak_runs *runs, size_t node, uint32_t half)
{
    const struct hak_run *children = place_of(runs, 2 * node);
    return joined(translated(runs, children[0], half), translated(runs, children[1], half), half);
}

static void refresh(struct hak_runs *runs, size_t first, size_t count)
{
    size_t from = first / HAK_RUNS_LEAF_UNITS;
    size_t to = (first + count - 1) / HAK_RUNS_LEAF_UNITS;
    bool changed = false;
    for (size_t leaf = from; leaf <= to; leaf++)
        changed |= node_store(runs, runs->leaves + leaf, HAK_RUNS_LEAF_UNITS, leaf_summary(runs, leaf));
    uint32_t half = HAK_RUNS_LEAF_UNITS;
    from = (runs->leaves + from) / 2;
    to = (runs->leaves + to) / 2;
    for (; changed && from >= runs->root; from /= 2, to /= 2, half *= 2) {
        changed = false;
        for (size_t node = from; node <= to; node++)
            changed |= node_store(runs, node, 2 * half, node_summary(runs, node, half));
    }
}

static void change(struct hak_runs *runs, size_t first, size_t count, bool stored_bits)
{
    if (stored_bits)
        hak_bitmap_set(runs->words, first, count);
    else
        hak_bitmap_clear(runs->words, first, count);
    refresh(runs, first, count);
}

/* Most of a range is never in use: the path to the root is as long as what is in use is high. */
static void raise_root(struct hak_runs *runs, size_t end)
{
    while (end > runs->root_span) {
        runs->root /= 2;
        runs->root_span *= 2;
        node_store(runs, runs->root, runs->root_span, node_summary(runs, runs->root, runs->root_span / 2));
    }
}

void hak_i_runs_add(struct hak_runs *runs, size_t first, size_t count)
{
    raise_root(runs, first + count);
    change(runs, first, count, !runs->inverted);
}

void hak_i_runs_remove(struct hak_runs *runs, size_t first, size_t count)
{
    change(runs, first, count, runs->inverted);
}

/* Where `count` aligned units fit into the run [first, first + length), or HAK_NO_UNIT. */
static size_t fit(struct search *search, size_t first, size_t length)
{
    size_t below = first < search->from ? search->from - first : 0;
    if (length < below + search->count)
        return HAK_NO_UNIT;
    first += below;
    length -= below;
    size_t at = hak_round_up(first + search->runs->phase, search->align) - search->runs->phase;
    if (at + search->count <= first + length)
        return at;
    search->bad_fits++;
    return HAK_NO_UNIT;
}

static size_t find_in_leaf(struct search *search, size_t leaf)
{
    size_t unit = leaf * HAK_RUNS_LEAF_UNITS;
    size_t end = unit + HAK_RUNS_LEAF_UNITS;
    while (unit < end) {
        uint64_t word = word_at(search->runs, unit / 64) >> unit % 64;
        if (word == 0) {
            unit = (unit / 64 + 1) * 64;
            continue;
        }
        unit += hak_bits_lowest(word);
        size_t length = hak_i_runs_length(search->runs, unit, end - unit);
        size_t found = fit(search, unit, length);
        if (found != HAK_NO_UNIT)
            return found;
        unit += length;
    }
    return HAK_NO_UNIT;
}

/* Left part, then the run across the middle, then the right part: address order. */
static size_t find_below(struct search *search, size_t node, size_t first, uint32_t span)
{
    if (node_at(search->runs, node, span).longest < search->count || search->bad_fits > BAD_FITS_MAX ||
        first + span <= search->from)
        return HAK_NO_UNIT;
    if (node >= search->runs->leaves)
        return find_in_leaf(search, node - search->runs->leaves);
    uint32_t half = span / 2;
    size_t found = find_below(search, 2 * node, first, half);
    if (found == HAK_NO_UNIT) {
        uint32_t left = node_at(search->runs, 2 * node, half).tail;
        uint32_t right = node_at(search->runs, 2 * node + 1, half).head;
        found = fit(search, first + half - left, (size_t)left + right);
    }
    return found != HAK_NO_UNIT ? found : find_below(search, 2 * node + 1, first + half, half);
}

static size_t find_in_set(struct search *search)
{
    return find_below(search, search->runs->root, 0, search->runs->root_span);
}

size_t hak_i_runs_find(const struct hak_runs *runs, size_t count, size_t align)
{
    struct search search = {.runs = runs, .count = count, .align = align};
    size_t found = find_in_set(&search);
    if (found != HAK_NO_UNIT || search.bad_fits <= BAD_FITS_MAX)
        return found;
    struct search wider = {.runs = runs, .count = count + align - 1, .align = 1};
    found = find_in_set(&wider);
    return found == HAK_NO_UNIT ? found : hak_round_up(found + runs->phase, align) - runs->phase;
}

size_t hak_i_runs_find_from(const struct hak_runs *runs, size_t from, size_t count)
{
    struct search search = {.runs = runs, .count = count, .align = 1, .from = from};
    return find_in_set(&search);
}

size_t hak_i_runs_longest(const struct hak_runs *runs)
{
    return node_at(runs, runs->root, runs->root_span).longest;
}

size_t hak_i_runs_length(const struct hak_runs *runs, size_t first, size_t limit)
{
    size_t units = runs->leaves * HAK_RUNS_LEAF_UNITS;
    size_t length = 0;
    while (length < limit && first + length < units) {
        size_t unit = first + length;
        uint64_t gaps = ~word_at(runs, unit / 64) >> unit % 64;
        if (gaps != 0) {
            length += hak_bits_lowest(gaps);
            break;
        }
        length += 64 - unit % 64;
    }
    return length < limit ? length : limit;
}

bool hak_i_runs_has(const struct hak_runs *runs, size_t unit)
{
    return (word_at(runs, unit / 64) >> unit % 64 & 1) != 0;
}

size_t hak_i_runs_count(const struct hak_runs *runs, size_t first, size_t count)
{
    size_t set = hak_bitmap_count(runs->words, first, count);
    return runs->inverted ? count - set : set;
}

static bool same(struct hak_run a, struct hak_run b)
{
    return a.head == b.head && a.longest == b.longest && a.tail == b.tail;
}

/* Above the root, only what lies below it is in the set. */
static bool is_node_right(const struct hak_runs *runs, size_t node, uint32_t span)
{
    bool above_root = node < runs->root && hak_is_power_of_two(node);
    if (above_root)
        return node_at(runs, 2 * node + 1, span / 2).longest == 0;
    return same(node_at(runs, node, span), node_summary(runs, node, span / 2));
}

bool hak_i_runs_audit(const struct hak_runs *runs)
{
    for (size_t leaf = 0; leaf < runs->leaves; leaf++)
        if (!same(node_at(runs, runs->leaves + leaf, HAK_RUNS_LEAF_UNITS), leaf_summary(runs, leaf)))
            return false;
    uint32_t span = (uint32_t)(runs->leaves * HAK_RUNS_LEAF_UNITS);
    for (size_t level = 1; level < runs->leaves; level *= 2, span /= 2)
        for (size_t node = level; node < 2 * level; node++)
            if (!is_node_right(runs, node, span))
                return false;
    return true;
}
