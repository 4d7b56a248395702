// SPDX-License-Identifier: MIT
// Atomic access to plain fields, with the memory order in the name. Works in C11 and in the C++ of the tests.
#ifndef HAK_BASE_ATOMIC_H
#define HAK_BASE_ATOMIC_H

#define hak_load_relaxed(field) __atomic_load_n(field, __ATOMIC_RELAXED)
#define hak_load_acquire(field) __atomic_load_n(field, __ATOMIC_ACQUIRE)
#define hak_store_relaxed(field, value) __atomic_store_n(field, value, __ATOMIC_RELAXED)
#define hak_store_release(field, value) __atomic_store_n(field, value, __ATOMIC_RELEASE)
#define hak_exchange_relaxed(field, value) __atomic_exchange_n(field, value, __ATOMIC_RELAXED)
#define hak_exchange_acquire(field, value) __atomic_exchange_n(field, value, __ATOMIC_ACQUIRE)
#define hak_exchange_acq_rel(field, value) __atomic_exchange_n(field, value, __ATOMIC_ACQ_REL)
#define hak_fetch_or_relaxed(field, bits) __atomic_fetch_or(field, bits, __ATOMIC_RELAXED)
#define hak_fetch_or_release(field, bits) __atomic_fetch_or(field, bits, __ATOMIC_RELEASE)
#define hak_fetch_or_acq_rel(field, bits) __atomic_fetch_or(field, bits, __ATOMIC_ACQ_REL)
#define hak_fetch_add_relaxed(field, amount) __atomic_fetch_add(field, amount, __ATOMIC_RELAXED)
#define hak_fetch_sub_relaxed(field, amount) __atomic_fetch_sub(field, amount, __ATOMIC_RELAXED)
#define hak_cas_weak_release(field, expected, value)                                                                   \
    __atomic_compare_exchange_n(field, expected, value, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define hak_cas_strong_acq_rel(field, expected, value)                                                                 \
    __atomic_compare_exchange_n(field, expected, value, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define hak_store_seq_cst(field, value) __atomic_store_n(field, value, __ATOMIC_SEQ_CST)
#define hak_fetch_add_seq_cst(field, amount) __atomic_fetch_add(field, amount, __ATOMIC_SEQ_CST)
#define hak_load_seq_cst(field) __atomic_load_n(field, __ATOMIC_SEQ_CST)

/*
 * Orders this thread's accesses for the compiler alone; the processor's part is a barrier that another thread asks for.
 */
#define hak_fence_compiler() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* A counter that one thread writes and any thread reads: two moves, no locked instruction. */
#define hak_count(field, amount) hak_store_relaxed(field, hak_load_relaxed(field) + (amount))

#endif
