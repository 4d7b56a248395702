// SPDX-License-Identifier: MIT
// Which heap the calling thread uses, from its first need of one to its end.
#include <pthread.h>

#include "front/front_private.h"

/* A thread that only frees claims a heap with this free: from then on its frees are combined. */
#define REMOTE_FREES_BEFORE_CLAIM 8

static void *const nothing[HAK_STACK_SENTINELS];

#define EMPTY_BIN                                                                                                      \
    {                                                                                                                  \
        .top = (void **)nothing + HAK_STACK_SENTINELS, .full = (void **)nothing + HAK_STACK_SENTINELS                  \
    }
#define EMPTY_HEAP                                                                                                     \
    {                                                                                                                  \
        .bins = { [0 ... HAK_CLASS_COUNT - 1] = EMPTY_BIN }                                                            \
    }

struct hak_heap_hot hak_i_front_unclaimed = EMPTY_HEAP;
struct hak_heap_hot hak_i_front_departed = EMPTY_HEAP;

__thread struct hak_heap_hot *hak_i_self __attribute__((tls_model("initial-exec"))) = &hak_i_front_unclaimed;

/*
 * The same word for <hakmem/inline.h>. Only this name is bound by the loader: a second copy of the library in a process
 * must not take the first one's heaps for its own.
 */
extern HAKMEM_API __thread struct hak_heap_hot *hak_inline_self
    __attribute__((tls_model("initial-exec"), alias("hak_i_self")));

/* Its value: the thread's heap; or the number of blocks it freed without one, plus the heap the last of them is of. */
static pthread_key_t key;
static bool has_key; /* set before the process counts as started; false: threads do not give their heaps back */

HAK_STATIC_ASSERT(REMOTE_FREES_BEFORE_CLAIM < HAK_CACHE_LINE_BYTES, "a number of frees fits below a heap's address");

static uintptr_t frees_in(const void *value)
{
    return (uintptr_t)value % HAK_CACHE_LINE_BYTES;
}

/*
 * The heap that a thread goes on with which began by freeing its block: the live set that the thread was left is mostly
 * of one that was left, too.
 */
static struct hak_heap *preferred_heap(void)
{
    const char *value = has_key ? (const char *)pthread_getspecific(key) : NULL;
    return (struct hak_heap *)(void *)(value - frees_in(value));
}

/* Other keys' destructors may follow and use hakmem: the thread has departed by then. */
static void give_up(struct hak_heap *heap)
{
    hak_i_self = &hak_i_front_departed;
    hak_i_heap_put_away(heap);
    hak_i_front_report_findings(heap, "thread end");
    hak_i_heap_release(heap);
}

static void at_thread_end(void *value)
{
    if (frees_in(value) == 0)
        give_up((struct hak_heap *)value);
    hak_i_front_budget_at_thread_end();
}

void hak_i_front_thread_start(void)
{
    has_key = pthread_key_create(&key, at_thread_end) == 0;
}

struct hak_heap *hak_i_front_heap(void)
{
    struct hak_heap_hot *hot = hak_i_self;
    return hot == &hak_i_front_unclaimed || hot == &hak_i_front_departed ? NULL : (struct hak_heap *)hot;
}

/* The pointer comes first: setting the key may allocate. */
static void keep(struct hak_heap *heap)
{
    hak_i_self = &heap->hot;
    if (has_key)
        (void)pthread_setspecific(key, heap);
}

struct hak_heap *hak_i_front_borrow(void)
{
    struct hak_heap *heap = hak_i_front_heap();
    if (HAK_LIKELY(heap != NULL))
        return heap;
    if (!hak_i_front_start())
        return NULL;
    heap = hak_i_heap_claim(&hak_i_process.heaps, preferred_heap());
    if (heap != NULL && hak_i_self == &hak_i_front_unclaimed)
        keep(heap);
    return heap;
}

void hak_i_front_return(struct hak_heap *heap)
{
    if (HAK_UNLIKELY(hak_i_self != &heap->hot))
        hak_i_heap_release(heap);
}

struct hak_heap *hak_i_front_begin_work(void)
{
    struct hak_heap *mine = hak_i_front_heap();
    hak_i_heaps_begin_work(&hak_i_process.heaps, mine);
    return mine;
}

void hak_i_front_end_work(struct hak_heap *mine)
{
    hak_i_heaps_end_work(&hak_i_process.heaps, mine);
}

void hak_i_front_note_remote_free(struct hak_heap *owner)
{
    if (!has_key || hak_i_self != &hak_i_front_unclaimed)
        return;
    uintptr_t count = frees_in(pthread_getspecific(key)) + 1;
    if (count < REMOTE_FREES_BEFORE_CLAIM)
        (void)pthread_setspecific(key, (char *)owner + count);
    else
        (void)hak_i_front_borrow();
}
