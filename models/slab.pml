// SPDX-License-Identifier: MIT
// What all models share: slab records, who holds which block, and the check that each block is in exactly one place.
//
// A set of blocks of one slab is a mask, bit b for block b; a bitmap word is a range of WORD_BLOCKS bits of it.
// Slab s stands in lists as LINK(s), so that 0 is the empty list.
// The including model defines SLABS, BLOCKS (per slab), WORD_BLOCKS, FREERS.

#define BIT(n) (1 << (n))
#define LINK(s) ((s) + 1)
#define WORDS ((BLOCKS + WORD_BLOCKS - 1) / WORD_BLOCKS)
#define WORD_MASK(w) ((BIT(WORD_BLOCKS) - 1) << ((w) * WORD_BLOCKS))
#define SLAB_MASK (BIT(BLOCKS) - 1)
// The word that holds the blocks of a mask which lies in one word.
#define WORD_OF(mask) (((mask) & WORD_MASK(0)) == 0)

#if WORD_BLOCKS * 2 < BLOCKS
#error "WORD_OF knows two words"
#endif

#if SLABS == 1
#define EACH_SLAB(option) option(0)
#define NONE_LIVE (!live[0])
#define NONE_AWAITED (!awaited[0])
#else
#define EACH_SLAB(option) option(0) option(1)
#define NONE_LIVE (!live[0] && !live[1])
#define NONE_AWAITED (!awaited[0] && !awaited[1])
#endif
#if BLOCKS == 1
#define EACH_BLOCK_OF(s, option) option(s, 0)
#elif BLOCKS == 2
#define EACH_BLOCK_OF(s, option) option(s, 0) option(s, 1)
#elif BLOCKS == 3
#define EACH_BLOCK_OF(s, option) option(s, 0) option(s, 1) option(s, 2)
#else
#define EACH_BLOCK_OF(s, option) option(s, 0) option(s, 1) option(s, 2) option(s, 3)
#endif
#if SLABS == 1
#define EACH_BLOCK(option) EACH_BLOCK_OF(0, option)
#else
#define EACH_BLOCK(option) EACH_BLOCK_OF(0, option) EACH_BLOCK_OF(1, option)
#endif

// The record.
byte carved[SLABS];
byte local_bits[SLABS];
byte remote[SLABS];
byte next[SLABS];

// Blocks that no bitmap holds. live: with the program, whichever thread; stack: on the owner's stack;
// hand: in a freer's combining buffer, all of one word of hand_slab.
byte live[SLABS];
byte stack[SLABS];
byte hand[FREERS];
byte hand_slab[FREERS];

// Accesses to the record that are still to come from freers whose bits are already visible.
byte awaited[SLABS];

#define IN_HAND(f, s) (hand[f] * (hand_slab[f] == (s)))
#if FREERS == 2
#define HANDS(s, op) (IN_HAND(0, s) op IN_HAND(1, s))
#define NO_HANDS (!hand[0] && !hand[1])
#else
#define HANDS(s, op) (IN_HAND(0, s) op IN_HAND(1, s) op IN_HAND(2, s))
#define NO_HANDS (!hand[0] && !hand[1] && !hand[2])
#endif

// Sum and union of the places are equal only if no block is in two of them.
#define PLACES(s, op) (live[s] op stack[s] op local_bits[s] op remote[s] op HANDS(s, op))
#define CONSERVED(s) (PLACES(s, +) == carved[s] && PLACES(s, |) == carved[s])

#define MOVE(from, to, mask, s) \
    to[s] = to[s] | (mask); from[s] = from[s] & ~(mask); assert(CONSERVED(s))

#ifndef MAY_COMBINE
#define MAY_COMBINE true
#endif
#define COMBINE(s, b) \
    :: d_step { MAY_COMBINE && (live[s] & BIT(b)) && \
           (!hand[me] || (hand_slab[me] == s && (hand[me] & WORD_MASK((b) / WORD_BLOCKS)))) -> \
           live[s] = live[s] & ~BIT(b); hand[me] = hand[me] | BIT(b); hand_slab[me] = s; \
           assert(CONSERVED(s)); printf("freer %d: takes block %d of slab %d\n", me, b, s) }

// First access of a publication: leaves slab and word of the buffer in s and w, and in seen what the word held.
inline or_remote_word() {
    s = hand_slab[me];
    w = WORD_OF(hand[me]);
    assert((remote[s] & hand[me]) == 0); /* a report of a double free would be false: nobody frees twice here */
    seen = remote[s] & WORD_MASK(w);
    printf("freer %d: ORs blocks %d into word %d of slab %d, which held %d\n", me, hand[me], w, s, seen);
    remote[s] = remote[s] | hand[me];
    hand[me] = 0;
    hand_slab[me] = 0;
    assert(CONSERVED(s))
}

// Nothing may lead from one publication to the next but shared memory.
inline forget() {
    s = 0; w = 0; seen = 0; head = 0
}
