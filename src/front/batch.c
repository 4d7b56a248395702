// SPDX-License-Identifier: MIT
// Many blocks with one call: the class and the thread's heap are looked up once, and what is alike is moved in one
// loop.
#include "front/classes.h"
#include "front/front_private.h"
#include "heap/heap_hot.h"

/* ------------------------------------------------------------------------------------------------ allocating ---- */

/* What is short of memory is helped, and errno set, by the call for one. */
static size_t alloc_each(size_t size, size_t count, void **out)
{
    size_t obtained = 0;
    for (; obtained < count; obtained++) {
        out[obtained] = hak_i_front_alloc(size);
        if (out[obtained] == NULL)
            break;
    }
    return obtained;
}

/* Reports come after each slow call, when the heap is at rest: a handler may use it. */
static size_t alloc_from(struct hak_heap *heap, unsigned class_index, size_t size, size_t count, void **out)
{
    size_t obtained = 0;
    for (;;) {
        obtained += hak_i_heap_pop_many(heap, class_index, out + obtained, count - obtained);
        if (obtained == count)
            return obtained;
        hak_i_front_note_request(heap, class_index, size);
        size_t came = hak_i_heap_alloc_many(heap, class_index, out + obtained, count - obtained);
        hak_i_front_report_findings(heap, "hak_alloc");
        if (came == 0)
            return obtained;
        obtained += came;
    }
}

static size_t alloc_of_class(size_t size, size_t count, void **out)
{
    struct hak_heap *heap = hak_i_front_borrow();
    size_t obtained = 0;
    if (HAK_LIKELY(heap != NULL)) {
        obtained = alloc_from(heap, hak_i_front_class(size), size, count, out);
        hak_i_front_return(heap);
    }
    hak_i_front_tend_budget();
    return obtained;
}

size_t hak_alloc_batch(size_t size, size_t count, void **out)
{
    size_t obtained = 0;
    if (HAK_LIKELY(count != 0 && size <= HAK_POOL_BYTES_MAX))
        obtained = alloc_of_class(size, count, out);
    if (HAK_UNLIKELY(obtained != count))
        obtained += alloc_each(size, count - obtained, out + obtained);
    return obtained;
}

/* --------------------------------------------------------------------------------------------------- freeing ---- */

/* So many blocks of one class in a row make it likely that more follow: the start of push_many() costs as much as two.
 */
#define ALIKE_MIN 4

/* A function of its own: the loop needs nearly all registers. */
static HAK_NOINLINE size_t push_many(struct hak_heap_hot *heap, size_t scaled_class, void *const *blocks, size_t count)
{
    return hak_i_heap_push_many(heap, scaled_class, blocks, count);
}

void hak_free_batch(void *const *blocks, size_t count)
{
    struct hak_heap_hot *heap = hak_i_self;
    void *const *end = blocks + count;
    size_t previous = 0, alike = 0;
    while (blocks != end) {
        size_t scaled_class = hak_i_heap_own_class(heap, *blocks);
        alike = scaled_class == previous ? alike + 1 : 0;
        previous = scaled_class;
        if (HAK_UNLIKELY(scaled_class >= HAK_CLASSES_SCALED)) {
            hak_i_front_free_slow(*blocks++);
            heap = hak_i_self; /* claimed by now, perhaps */
        } else if (HAK_LIKELY(alike < ALIKE_MIN)) {
            if (HAK_UNLIKELY(!hak_i_heap_push(heap, *blocks, scaled_class)))
                hak_i_front_free_slow(*blocks);
            blocks++;
        } else {
            blocks += push_many(heap, scaled_class, blocks, (size_t)(end - blocks));
            alike = 0;
        }
    }
}
