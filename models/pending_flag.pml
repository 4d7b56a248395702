// SPDX-License-Identifier: MIT
// The simpler protocol that hakmem does not use: a flag per slab, "is on the inbox", instead of the summary.
// Both of its orders are wrong, and this model must fail. Why: README.md.

#define SLABS 1
#define BLOCKS 2
#define WORD_BLOCKS 1
#define FREERS 2
#include "slab.pml"

bit pending[SLABS];
byte inbox;

proctype freer(byte me) {
    byte s, w, seen, head;
free_more:
end:
    do
    EACH_BLOCK(COMBINE)
    :: atomic { hand[me] -> or_remote_word(); awaited[s]++ };
       atomic {
           seen = pending[s];
           pending[s] = 1;
           printf("freer %d: sets the flag of slab %d, which was %d\n", me, s, seen);
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

inline check_list(s) {
    assert(!inbox || !next[s]); /* else the only slab is on the inbox twice */
    assert(!remote[s] || inbox)
}

proctype owner() {
    byte s, w;
    do
    :: d_step {
           !carved[s] ->
           carved[s] = SLAB_MASK;
           live[s] = SLAB_MASK;
           pending[s] = 0;
           printf("owner: begins slab %d\n", s)
       }
    :: d_step {
           carved[s] && local_bits[s] == carved[s] ->
           printf("owner: releases slab %d\n", s);
#ifndef RELEASED_RECORD_MAY_BE_TOUCHED
           assert(!awaited[s]);
#endif
           carved[s] = 0;
           local_bits[s] = 0
       }
    :: d_step { inbox -> inbox = 0; next[s] = 0; printf("owner: takes the inbox\n") };
#ifndef FLAG_CLEARED_LATE
       d_step { pending[s] = 0; printf("owner: clears the flag of slab %d\n", s) };
#endif
       do
       :: d_step {
              w < WORDS ->
              printf("owner: collects %d from word %d of slab %d\n", remote[s] & WORD_MASK(w), w, s);
              local_bits[s] = local_bits[s] | (remote[s] & WORD_MASK(w));
              remote[s] = remote[s] & ~WORD_MASK(w);
              assert(CONSERVED(s));
              w++
          }
       :: else -> break
       od;
#ifdef FLAG_CLEARED_LATE
       atomic { pending[s] = 0; printf("owner: clears the flag of slab %d\n", s) };
#endif
       w = 0
    :: d_step { NONE_AWAITED -> check_list(s) }
    od
}

init {
    atomic { run freer(0); run freer(1); run owner() }
}
