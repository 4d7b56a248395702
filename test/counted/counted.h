// SPDX-License-Identifier: MIT
// Comes before every file of the library hakmem_counted: what each thread did of the operations that other processors
// wait for. A macro's own name is not replaced in what it stands for.
#ifndef HAKMEM_TEST_COUNTED_H
#define HAKMEM_TEST_COUNTED_H

#include <pthread.h>

#if defined(__cplusplus)
extern "C" {
#endif

extern __thread unsigned long hak_test_atomics; /* read-modify-write operations */
extern __thread unsigned long hak_test_locks;   /* attempts to take one */

#if defined(__cplusplus)
}
#else
#define __atomic_exchange_n(...) (hak_test_atomics++, __atomic_exchange_n(__VA_ARGS__))
#define __atomic_compare_exchange_n(...) (hak_test_atomics++, __atomic_compare_exchange_n(__VA_ARGS__))
#define __atomic_fetch_or(...) (hak_test_atomics++, __atomic_fetch_or(__VA_ARGS__))
#define __atomic_fetch_add(...) (hak_test_atomics++, __atomic_fetch_add(__VA_ARGS__))
#define __atomic_fetch_sub(...) (hak_test_atomics++, __atomic_fetch_sub(__VA_ARGS__))
#define pthread_mutex_lock(mutex) (hak_test_locks++, pthread_mutex_lock(mutex))
#define pthread_mutex_trylock(mutex) (hak_test_locks++, pthread_mutex_trylock(mutex))
#endif

#endif
