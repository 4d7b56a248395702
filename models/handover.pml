// SPDX-License-Identifier: MIT
// Hand-over of slabs between heaps. What is modelled and checked: README.md.

#ifndef SLABS
#define SLABS 2
#define BLOCKS 1
#define WORD_BLOCKS 1
#endif
#ifndef WORKERS
#define WORKERS 1
#endif
#ifndef FREERS
#define FREERS 2
#endif
#ifndef PENDING_LIMIT
#define PENDING_LIMIT 1
#endif
#define MAY_COMBINE (!works)
#include "slab.pml"

#define HEAPS 2
#define NOBODY HEAPS
#define IDLE 8
#define LINKS(head) ((head) & ~IDLE)

byte summary[SLABS];
byte owner_of[SLABS];
byte inbox[HEAPS];
byte idle_pending[HEAPS];
// Member of the idle list. Claiming and linking are single steps: both happen under the heap-list lock.
bit linked[HEAPS];
bit held[HEAPS];
// An attempt at the pending limit came while the lock was taken or the heap not in the list.
bit attempt_failed[HEAPS];
byte draining;
bit closing;
// Slow work of several steps is under way there. A heap's thread, and who claims it, waits with slow work while another
// visits; that one is told from the other by a barrier on all processors: visit.pml.
bit busy[HEAPS];
bit visited[HEAPS];
#define MAY_WORK (mine != NOBODY && !visited[mine])

#define CARVE(s) \
    :: d_step { !closing && MAY_WORK && owner_of[s] == NOBODY -> \
           owner_of[s] = mine; carved[s] = SLAB_MASK; live[s] = SLAB_MASK; \
           printf("worker %d: begins slab %d\n", me, s) }
#define ALLOCATE(s, b) \
    :: d_step { !closing && MAY_WORK && owner_of[s] == mine && (local_bits[s] & BIT(b)) -> \
           MOVE(local_bits, live, BIT(b), s) }
#define RELEASE(s) \
    :: d_step { MAY_WORK && owner_of[s] == mine && carved[s] && local_bits[s] == carved[s] -> \
           assert(!awaited[s] && !remote[s] && !summary[s]); printf("worker %d: releases slab %d\n", me, s); \
           carved[s] = 0; local_bits[s] = 0; owner_of[s] = NOBODY }
#define TAKE(s) \
    :: d_step { mine != NOBODY && owner_of[s] == h && (visiting || MAY_TAKE(s)) -> \
           printf("worker %d: takes slab %d of heap %d\n", me, s, h); owner_of[s] = mine; LEAVE_STACK(s) }
#define CLAIM_TO_KEEP(heap) \
    :: d_step { works && mine == NOBODY && linked[heap] && (!closing || LINKS(inbox[heap]) || HAS_STACK(heap)) -> \
           claim(heap); mine = heap }
#define CLAIM_TO_TAKE(heap) \
    :: d_step { works && MAY_WORK && linked[heap] && (!closing || LINKS(inbox[heap]) || HAS_STACK(heap)) -> \
           claim(heap); busy[mine] = 1 }

// Who visits a heap that another thread holds has its slow work to itself: it drains it and takes slabs.
#ifdef BROKEN_BUSY_HEAP_VISITED
#define IS_AT_REST(heap) !(inbox[heap] & IDLE)
#elif defined(BROKEN_IDLE_HEAP_VISITED)
#define IS_AT_REST(heap) !busy[heap]
#else
#define IS_AT_REST(heap) (!busy[heap] && !(inbox[heap] & IDLE))
#endif
#define VISIT(heap) \
    :: d_step { works && MAY_WORK && mine != heap && !visited[heap] && IS_AT_REST(heap) && \
           (!closing || LINKS(inbox[heap])) -> \
           printf("worker %d: visits heap %d\n", me, heap); \
           visited[heap] = 1; busy[mine] = 1; h = heap; visiting = 1; draining++ }

// What is on a stack when its heap is given up stays there.
#ifdef STACKS
byte stack_of[SLABS];  // the heap on whose stack blocks of the slab are; 0 when there are none
#define IS_STACKED(s, heap) (stack[s] && stack_of[s] == (heap))
#if SLABS == 1
#define HAS_STACK(heap) IS_STACKED(0, heap)
#else
#define HAS_STACK(heap) (IS_STACKED(0, heap) || IS_STACKED(1, heap))
#endif
#ifdef BROKEN_STACKED_SLAB_TAKEN
#define MAY_TAKE(s) true
#else
#define MAY_TAKE(s) (!stack[s])
#endif
/* To its slab a block on the stack of a heap that does not own it is as one with the program. */
#define LEAVE_STACK(s) if :: visiting && stack[s] -> MOVE(stack, live, stack[s], s); stack_of[s] = 0 :: else fi
#define PUSH(s, b) \
    :: d_step { !closing && mine != NOBODY && owner_of[s] == mine && (live[s] & BIT(b)) -> \
           MOVE(live, stack, BIT(b), s); stack_of[s] = mine }
#define POP(s, b) \
    :: d_step { !closing && mine != NOBODY && IS_STACKED(s, mine) && (stack[s] & BIT(b)) -> \
           assert(owner_of[s] == mine); MOVE(stack, live, BIT(b), s); if :: !stack[s] -> stack_of[s] = 0 :: else fi }
#define FLUSH(s, heap) \
    :: d_step { heap != NOBODY && IS_STACKED(s, heap) -> \
           printf("thread %d: flushes slab %d from the stack of heap %d\n", me, s, heap); \
           assert(owner_of[s] == heap); MOVE(stack, local_bits, stack[s], s); stack_of[s] = 0 }
#define FLUSH_OWN(s) FLUSH(s, (MAY_WORK -> mine : NOBODY))
#define FLUSH_IDLE(s) FLUSH(s, (visiting -> NOBODY : h))
#define STACK_IS_OWNERS(s) (!stack[s] || owner_of[s] == stack_of[s])
#else
#define HAS_STACK(heap) false
#define MAY_TAKE(s) true
#define LEAVE_STACK(s)
#define PUSH(s, b)
#define POP(s, b)
#define FLUSH_OWN(s)
#define FLUSH_IDLE(s)
#define STACK_IS_OWNERS(s) true
#endif

#define GIVE_UP \
    :: d_step { MAY_WORK && !closing -> \
           printf("thread %d: gives up heap %d\n", me, mine); h = mine; busy[h] = 1; mine = NOBODY; draining++ }

inline claim(heap) {
    printf("thread %d: claims heap %d\n", me, heap);
    assert(!held[heap]);
    held[heap] = 1;
    linked[heap] = 0;
    attempt_failed[heap] = 0;
    h = heap;
    draining++
}

proctype thread(byte me; bit works; byte mine) {
    byte h = NOBODY;  // the heap being drained
    byte list, s, w, seen, head, target;
    bit visiting;

home:
end:
    do
    EACH_SLAB(CARVE)
    EACH_BLOCK(ALLOCATE)
    EACH_SLAB(RELEASE)
    EACH_BLOCK(PUSH)
    EACH_BLOCK(POP)
    EACH_SLAB(FLUSH_OWN)
    CLAIM_TO_KEEP(0); goto drain
    CLAIM_TO_KEEP(1); goto drain
    CLAIM_TO_TAKE(0); goto drain
    CLAIM_TO_TAKE(1); goto drain
    :: d_step { MAY_WORK && inbox[mine] -> h = mine; busy[h] = 1; draining++ }; goto drain
    VISIT(0); goto drain
    VISIT(1); goto drain
    GIVE_UP; goto drain
    EACH_BLOCK(COMBINE)
    :: atomic {
           !works && hand[me] ->
           or_remote_word();
           if
           :: seen -> forget(); goto home
           :: else -> awaited[s]++
           fi
       };
       atomic {
           seen = summary[s];
           summary[s] = summary[s] | BIT(w);
           w = 0;
           if
           :: seen -> awaited[s]--; forget(); goto home
           :: else
           fi
       };
       atomic { target = owner_of[s]; assert(target != NOBODY); goto push }
    od;

    // Slab s to heap target, from a freer or, if h is a heap, from its drain.
push:
    atomic { head = inbox[target]; next[s] = LINKS(head) };
    atomic {
        if
        :: inbox[target] == head -> inbox[target] = LINK(s) | (head & IDLE)
        :: else -> goto push
        fi;
        printf("thread %d: pushes slab %d to heap %d, idle: %d\n", me, s, target, head / IDLE);
#ifndef BROKEN_RECORD_READ_AFTER_PUSH
        awaited[s]--;
#endif
        if
        :: head & IDLE -> head = 0
        :: else ->
#ifdef BROKEN_RECORD_READ_AFTER_PUSH
           awaited[s]--;
#endif
           goto pushed
        fi
    };
    atomic {
#ifdef BROKEN_RECORD_READ_AFTER_PUSH
        awaited[s]--;  // the size of the slab, to add it up
#endif
        if
        :: idle_pending[target] < PENDING_LIMIT -> idle_pending[target]++
        :: else
        fi;
        if
        :: idle_pending[target] < PENDING_LIMIT -> goto pushed
        :: else
        fi;
        if
        :: h == NOBODY && linked[target] -> claim(target); forget(); target = 0; goto drain
        :: attempt_failed[target] = 1
        fi
    };
pushed:
    atomic {
        forget();
        target = 0;
        if
        :: h == NOBODY -> goto home
        :: else -> goto next_slab
        fi
    };

drain:
    /* Who has claimed an idle heap waits for a visitor that meant its last holder. */
    atomic { visiting || !visited[h] -> if :: !visiting -> busy[h] = 1 :: else fi };
    atomic { list = LINKS(inbox[h]); inbox[h] = 0; if :: h != mine -> idle_pending[h] = 0 :: else fi };
next_slab:
    do
    :: atomic {
           list ->
           s = list - 1;
           list = next[s];
           next[s] = 0;
           target = owner_of[s];
           assert(target != NOBODY);
#ifndef BROKEN_FOREIGN_SLAB_COLLECTED
           if
           :: target != h -> printf("thread %d: forwards slab %d\n", me, s); awaited[s]++; goto push
           :: else
           fi;
#endif
           target = 0
       };
       d_step { seen = summary[s]; summary[s] = 0; assert(seen) };
       do
       :: d_step {
              seen ->
              w = !(seen & 1);
              seen = seen & ~BIT(w);
              assert(owner_of[s] == h); /* else its owner may be at the local bitmap at this moment */
              assert(visiting -> !busy[h] : !visited[h]); /* nobody else is at work there */
              assert(!(remote[s] & WORD_MASK(w) & local_bits[s]));
              local_bits[s] = local_bits[s] | (remote[s] & WORD_MASK(w));
              remote[s] = remote[s] & ~WORD_MASK(w);
              assert(CONSERVED(s));
              w = 0
          }
       :: else -> break
       od;
       s = 0
    :: else -> break
    od;
    if
    :: d_step { h == mine -> busy[h] = 0; h = NOBODY; draining-- };
       goto home
    :: else
    fi;
    do
    EACH_SLAB(FLUSH_IDLE)
    EACH_SLAB(TAKE)
    :: break
    od;
    if
    :: d_step { visiting -> visited[h] = 0; busy[mine] = 0; visiting = 0; h = NOBODY; draining-- };
       goto home
    :: else
    fi;
#ifdef BROKEN_IDLE_MARK_STORED
    inbox[h] = IDLE;
#else
    atomic {
        if
        :: inbox[h] == 0 -> inbox[h] = IDLE
        :: else -> goto drain
        fi
    };
#endif
    busy[h] = 0;
    atomic {
        linked[h] = 1; held[h] = 0; printf("thread %d: heap %d is idle\n", me, h); h = NOBODY; draining--;
        if :: mine != NOBODY -> busy[mine] = 0 :: else fi;
        goto home
    }
}

#define CHECK_HEAP(heap) \
    assert(linked[heap] == !held[heap] && linked[heap] == inbox[heap] / IDLE); \
    assert(!linked[heap] || idle_pending[heap] < PENDING_LIMIT || attempt_failed[heap]); \
    head = LINKS(inbox[heap]); \
    do \
    :: head -> assert(!(listed & BIT(head - 1))); listed = listed | BIT(head - 1); head = next[head - 1] \
    :: else -> break \
    od
#define CHECK_SLAB(s) \
    assert(summary[s] == ((remote[s] & WORD_MASK(0)) != 0) + 2 * ((remote[s] & WORD_MASK(1)) != 0)); \
    assert((summary[s] != 0) == ((listed & BIT(s)) != 0)); \
    assert((owner_of[s] == NOBODY) == !carved[s]); \
    assert(STACK_IS_OWNERS(s));
#define CHECK_ALL_COLLECTED(s) assert(local_bits[s] == carved[s]);

proctype auditor() {
    byte head, listed;
    do
    :: d_step {
           !closing && NONE_AWAITED && !draining ->
           CHECK_HEAP(0);
           CHECK_HEAP(1);
           EACH_SLAB(CHECK_SLAB)
           listed = 0
       }
#ifdef CLOSING
    :: d_step { !closing -> closing = 1 }
    :: atomic { timeout -> assert(NONE_AWAITED && !draining); EACH_SLAB(CHECK_ALL_COLLECTED) };
       break
#endif
    od
}

init {
    atomic {
        owner_of[0] = NOBODY;
#if SLABS > 1
        owner_of[1] = NOBODY;
#endif
        held[0] = 1;
        run thread(FREERS, 1, 0);
#if WORKERS > 1
        held[1] = 1;
        run thread(FREERS + 1, 1, 1);
#else
        linked[1] = 1;
        inbox[1] = IDLE;
#endif
        run thread(0, 0, NOBODY);
        run thread(1, 0, NOBODY);
        run auditor()
    }
}
