// SPDX-License-Identifier: MIT
// Remote free: one owner, FREERS other threads. What is modelled and checked: README.md.

#ifndef SLABS
#define SLABS 1
#define BLOCKS 3
#define WORD_BLOCKS 2
#endif
#ifndef FREERS
#define FREERS 2
#endif
#include "slab.pml"

byte summary[SLABS];
byte inbox;
bit closing;
bit finished;
#ifdef PROGRESS
ltl every_block_comes_home { [] (closing -> <> finished) }
#endif

proctype freer(byte me) {
    byte s, w, seen, head;
free_more:
end:
    do
    EACH_BLOCK(COMBINE)
    :: atomic {
           hand[me] ->
           or_remote_word();
           if
           :: seen -> forget(); goto free_more
           :: else -> awaited[s]++
           fi
       };
       atomic {
           seen = summary[s];
           summary[s] = summary[s] | BIT(w);
           printf("freer %d: names word %d in the summary of slab %d, which was %d\n", me, w, s, seen);
           if
           :: seen -> awaited[s]--; forget(); goto free_more
           :: else
           fi
       };
push:
       head = inbox;
       next[s] = head;
       atomic {
           if
           :: inbox == head ->
              inbox = LINK(s);
              printf("freer %d: pushes slab %d\n", me, s);
              awaited[s]--;
              forget()
           :: else -> goto push
           fi
       }
    od
}

// While no freer is inside a publication and the owner not inside a slab, what is free can be found:
// exactly the non-zero words are named, exactly the slabs with a summary are listed, and once.
inline check_lists(rest) {
    d_step {
        listed = 0;
        head = inbox;
        do
        :: head -> assert(!(listed & BIT(head - 1))); listed = listed | BIT(head - 1); head = next[head - 1]
        :: !head && rest && !(listed & BIT(rest - 1)) -> head = rest
        :: else -> break
        od;
        s = 0;
        do
        :: s < SLABS ->
           assert(summary[s] == ((remote[s] & WORD_MASK(0)) != 0) + 2 * ((remote[s] & WORD_MASK(1)) != 0));
           assert((summary[s] != 0) == ((listed & BIT(s)) != 0));
           s++
        :: else -> break
        od;
        s = 0; head = 0; listed = 0
    }
}

#define CARVE(s) :: d_step { !closing && carved[s] != SLAB_MASK -> \
           live[s] = live[s] | (carved[s] + 1); carved[s] = 2 * carved[s] + 1 }
#define ALLOCATE(s, b) :: d_step { !closing && (stack[s] & BIT(b)) -> MOVE(stack, live, BIT(b), s) }
#define FREE_LOCALLY(s, b) :: d_step { live[s] & BIT(b) -> MOVE(live, stack, BIT(b), s) }
#define REFILL(s) :: d_step { !closing && local_bits[s] -> MOVE(local_bits, stack, local_bits[s], s) }
#define FLUSH(s) :: d_step { stack[s] -> MOVE(stack, local_bits, stack[s], s) }
// The record may be another slab's from the next step on: CARVE begins it.
#define RELEASE(s) \
    :: d_step { carved[s] && local_bits[s] == carved[s] -> \
           printf("owner: releases slab %d\n", s); \
           assert(!awaited[s] && !remote[s] && !summary[s]); carved[s] = 0; local_bits[s] = 0 }

proctype owner() {
    byte rest;  // of the list taken from the inbox: a drain may stop early and the next goes on with it
    byte s, w, named, found, head, listed;
    do
    EACH_SLAB(CARVE)
    EACH_BLOCK(ALLOCATE)
    EACH_BLOCK(FREE_LOCALLY)
    EACH_SLAB(REFILL)
    EACH_SLAB(FLUSH)
    EACH_SLAB(RELEASE)
    :: d_step { !rest && inbox -> rest = inbox; inbox = 0; printf("owner: takes the inbox\n") }
    :: atomic { rest -> s = rest - 1 };
#ifndef BROKEN_NEXT_READ_LATE
       d_step { rest = next[s]; next[s] = 0 };
#endif
#if defined BROKEN_ALL_WORDS_COLLECTED
       d_step { named = BIT(WORDS) - 1; summary[s] = 0 };
#elif defined BROKEN_SUMMARY_CLEARED_LATE
       named = summary[s];
#else
       d_step {
           named = summary[s];
           summary[s] = 0;
           assert(named);
           printf("owner: clears the summary of slab %d\n", s)
       };
#endif
#ifdef BROKEN_NEXT_READ_LATE
       rest = next[s];
#endif
       do
       :: d_step { named -> w = !(named & 1); named = named & ~BIT(w) };
          d_step {
              found = remote[s] & WORD_MASK(w);
              printf("owner: reads %d in word %d of slab %d\n", found, w, s);
#ifdef BROKEN_WORD_STORED
          };
          d_step {
#endif
              remote[s] = remote[s] & ~WORD_MASK(w);
              assert(!(found & local_bits[s]));
              local_bits[s] = local_bits[s] | found;
              assert(CONSERVED(s));
              found = 0;
              w = 0
          }
       :: else -> break
       od;
#ifdef BROKEN_SUMMARY_CLEARED_LATE
       summary[s] = 0;
#endif
       s = 0
#ifndef PROGRESS
    :: atomic { NONE_AWAITED -> check_lists(rest) }
#endif
    :: d_step { !closing -> closing = 1 }
    :: atomic {
           closing && NONE_AWAITED && !rest && !inbox && NO_HANDS && NONE_LIVE ->
           check_lists(0);
           do
           :: s < SLABS -> assert((stack[s] | local_bits[s]) == carved[s]); s++
           :: else -> break
           od;
           finished = 1;
           break
       }
    od
}

init {
    atomic {
        run freer(0);
        run freer(1);
#if FREERS > 2
        run freer(2);
#endif
        run owner()
    }
}
