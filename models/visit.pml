// SPDX-License-Identifier: MIT
// How a visitor and a heap's own thread keep out of each other's way. The thread's store of "busy" may wait in its
// processor's store buffer while it loads "visited"; the visitor's barrier, which interrupts every processor, writes
// out what waits there and lets the visitor see it. What is modelled and checked: README.md.

#ifndef VISITORS
#define VISITORS 2
#endif

bit busy;          // as other processors see it
bit stored;        // the thread's store of busy waits
bit stored_value;
bit visited;       // visitors' stores are behind locked operations and the barrier
bit lock;          // one visit at a time
byte at_work;      // on what slow work alone may touch

inline store_busy(value) {
    atomic {
        if
        :: stored -> busy = stored_value /* stores become visible in their order */
        :: else
        fi;
        stored = 1;
        stored_value = value
    }
}

proctype processor() {
end:
    do
    :: atomic { stored -> busy = stored_value; stored = 0 }
    od
}

// Release stores are what they are on x86: plain, after all that came before.
proctype holder() {
    bit seen;
end:
    do
    :: store_busy(1);
       seen = visited;
       do
       :: seen ->
          store_busy(0);
          atomic { !lock -> lock = 1 };
#ifndef BROKEN_NOT_ASKED_AGAIN
          lock = 0;
          store_busy(1);
          seen = visited
#else
          lock = 0;
          store_busy(1);
          seen = 0
#endif
       :: else -> break
       od;
       at_work++;
       assert(at_work == 1);
       at_work--;
       store_busy(0)
    od
}

proctype visitor() {
end:
    do
    :: atomic { !lock -> lock = 1 }; /* tried, in truth: who finds it taken goes away */
       visited = 1;
#ifndef BROKEN_NO_BARRIER
       atomic {
           if
           :: stored -> busy = stored_value; stored = 0
           :: else
           fi
       };
#endif
       if
       :: !busy ->
          at_work++;
          assert(at_work == 1);
          at_work--
       :: else
       fi;
       visited = 0;
       lock = 0
    od
}

init {
    byte i;
    atomic {
        run processor();
        run holder();
        for (i : 1 .. VISITORS) {
            run visitor()
        }
    }
}
