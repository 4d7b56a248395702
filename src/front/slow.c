// SPDX-License-Identifier: MIT
// The slow halves of the API, and the entry points that have no fast half.
#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "front/classes.h"
#include "front/front_private.h"
#include "front/own.h"
#include "heap/heap_hot.h"

/* From this size on a block that was never used is preferred to clearing a used one. */
#define CLEAN_BYTES_MIN 4096

/* The largest alignment that a class can have. */
#define CLASS_ALIGNMENT_MAX HAK_UNIT_BYTES

void *hak_i_front_no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

static bool is_class_size(size_t size)
{
    return size <= HAK_POOL_BYTES_MAX;
}

/* ----------------------------------------------------------------------------------- the sample of requests ---- */

/* At so many requests older ones are made to weigh half: the sample follows the program. */
#define REQUESTS_REMEMBERED 128

void hak_i_front_note_request(struct hak_heap *heap, unsigned class_index, size_t size)
{
    struct hak_heap_sample *sample = &heap->samples[class_index];
    uint64_t block_bytes = hak_i_slab_classes[class_index].block_bytes;
    hak_count(&sample->asked_bytes, size);
    hak_count(&sample->given_bytes, block_bytes);
    if (sample->given_bytes >= REQUESTS_REMEMBERED * block_bytes) {
        hak_store_relaxed(&sample->asked_bytes, sample->asked_bytes / 2);
        hak_store_relaxed(&sample->given_bytes, sample->given_bytes / 2);
    }
}

/* ------------------------------------------------------------------------------------------------ allocating ---- */

static void *acquire_large(size_t size, size_t alignment, bool *clean)
{
    struct hak_heap *mine = hak_i_front_begin_work();
    void *block = hak_i_arena_large_acquire(&hak_i_process.arena, size, alignment, clean);
    hak_i_front_end_work(mine);
    return block;
}

static void *alloc_large(size_t size, size_t alignment, bool *clean)
{
    if (size > PTRDIFF_MAX || alignment > PTRDIFF_MAX || !hak_i_front_start())
        return hak_i_front_no_memory();
    void *block;
    struct hak_relief relief = {0};
    do
        block = acquire_large(size, alignment, clean);
    while (block == NULL && hak_i_front_budget_relieves(&relief, size));
    hak_i_front_tend_budget();
    return block != NULL ? block : hak_i_front_no_memory();
}

static void *take_from_heap(unsigned class_index, size_t size, const char *function)
{
    struct hak_heap *heap = hak_i_front_borrow();
    if (heap == NULL)
        return NULL;
    hak_i_front_note_request(heap, class_index, size);
    void *block = hak_i_heap_pop(&heap->hot.bins[class_index]);
    if (block == NULL)
        block = hak_i_heap_alloc(heap, class_index);
    hak_i_front_report_findings(heap, function);
    hak_i_front_return(heap);
    return block;
}

static void *alloc_from_heap(unsigned class_index, size_t size, const char *function)
{
    void *block;
    struct hak_relief relief = {0};
    do
        block = take_from_heap(class_index, size, function);
    while (block == NULL && hak_i_front_budget_relieves(&relief, hak_i_slab_classes[class_index].slab_bytes));
    hak_i_front_tend_budget();
    return block != NULL ? block : hak_i_front_no_memory();
}

/* The fast half knows the classes up to HAK_POOL_TABLE_BYTES_MAX alone. */
void *hak_i_front_alloc_slow(size_t size)
{
    bool clean;
    if (HAK_UNLIKELY(!is_class_size(size)))
        return alloc_large(size, 1, &clean);
    unsigned class_index = hak_i_front_class(size);
    void *block = hak_i_heap_pop(&hak_i_self->bins[class_index]);
    return HAK_LIKELY(block != NULL) ? block : alloc_from_heap(class_index, size, "hak_alloc");
}

/* A block of the class that reads as 0 already, NULL when there is none at hand. */
static void *alloc_clean(unsigned class_index, size_t size)
{
    struct hak_heap *heap = hak_i_front_borrow();
    if (heap == NULL)
        return NULL;
    hak_i_front_note_request(heap, class_index, size);
    void *block = hak_i_heap_alloc_clean(heap, class_index);
    hak_i_front_return(heap);
    hak_i_front_tend_budget();
    return block;
}

void *hak_i_front_zalloc_slow(size_t size)
{
    bool clean = is_class_size(size) && size >= CLEAN_BYTES_MIN;
    void *block = clean ? alloc_clean(hak_i_front_class(size), size) : NULL;
    if (block != NULL)
        return block;
    clean = false;
    block = is_class_size(size) ? hak_i_front_alloc(size) : alloc_large(size, 1, &clean);
    return block == NULL || clean ? block : memset(block, 0, size);
}

static void *alloc_aligned(size_t alignment, size_t size)
{
    bool clean;
    if (size > PTRDIFF_MAX || alignment > PTRDIFF_MAX)
        return hak_i_front_no_memory();
    if (alignment > CLASS_ALIGNMENT_MAX)
        return alloc_large(size, alignment, &clean);
    return hak_i_front_alloc(hak_i_front_aligned_size(alignment, size));
}

void *hak_aligned_alloc(size_t alignment, size_t size)
{
    if (hak_is_power_of_two(alignment))
        return alloc_aligned(alignment, size);
    errno = EINVAL;
    return NULL;
}

int hak_posix_memalign(void **out, size_t alignment, size_t size)
{
    if (!hak_is_power_of_two(alignment) || alignment < sizeof(void *))
        return EINVAL;
    int saved_errno = errno;
    void *block = alloc_aligned(alignment, size);
    errno = saved_errno;
    if (block == NULL)
        return ENOMEM;
    *out = block;
    return 0;
}

char *hak_strndup(const char *text, size_t length)
{
    size_t copied = strnlen(text, length);
    char *copy = (char *)hak_i_front_alloc(copied + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, copied);
    copy[copied] = '\0';
    return copy;
}

char *hak_strdup(const char *text)
{
    return hak_strndup(text, SIZE_MAX);
}

/* --------------------------------------------------------------------------------------------------- freeing ---- */

static bool is_mine(const struct hak_heap *heap, uint32_t id)
{
    return heap != NULL && heap->number == hak_i_heap_number_of_id(id);
}

/* Freed already, as far as its bits say, or the two newest entries of the caller's stack for its class. */
static bool is_free_already(const struct hak_heap *heap, const struct hak_look *look, const void *block)
{
    if (hak_i_process.check_full)
        return hak_i_heap_knows_free(&hak_i_process.heaps, block);
    if (heap == NULL)
        return false;
    void **top = heap->hot.bins[hak_i_heap_class_of_id(look->id)].top;
    return top[-1] == block || top[-2] == block;
}

static void free_block(void *block, const struct hak_look *look, const char *function)
{
    struct hak_heap *heap = hak_i_front_heap();
    if (is_free_already(heap, look, block)) {
        hak_i_front_misuse(HAK_ERROR_DOUBLE_FREE, block, look, function);
        return;
    }
    if (heap != NULL) {
        if (is_mine(heap, look->id))
            hak_i_heap_free(heap, hak_i_heap_class_of_id(look->id), block);
        else
            hak_i_heap_free_remote(heap, look->id, block);
        hak_i_front_report_findings(heap, function);
        return;
    }
    struct hak_heap *owner = hak_i_heap_owner_of(&hak_i_process.heaps, block);
    if (hak_i_heap_publish(&hak_i_process.heaps, look->id, block))
        hak_i_front_misuse(HAK_ERROR_DOUBLE_FREE, block, look, function);
    hak_i_front_note_remote_free(owner);
}

static void free_large(void *block, const struct hak_look *look, const char *function)
{
    struct hak_heap *mine = hak_i_front_begin_work();
    struct hak_large *large = hak_i_arena_large_claim(&hak_i_process.arena, look->unit);
    if (large != NULL)
        hak_i_arena_large_release(&hak_i_process.arena, large);
    hak_i_front_end_work(mine);
    if (large == NULL)
        hak_i_front_misuse(HAK_ERROR_DOUBLE_FREE, block, look, function);
}

static void free_looked(void *block, const struct hak_look *look, const char *function)
{
    if (look->place == HAK_PLACE_BLOCK)
        free_block(block, look, function);
    else if (look->place == HAK_PLACE_LARGE)
        free_large(block, look, function);
    else
        hak_i_front_misplaced(block, look, function);
}

static HAK_NOINLINE void free_after_look(void *block, const char *function)
{
    if (block == NULL)
        return;
    struct hak_look look = hak_i_front_look(block);
    free_looked(block, &look, function);
}

HAK_INLINE bool keep(struct hak_heap_hot *heap, uint32_t id, void *block)
{
    void *slab = hak_i_registry_record(&hak_i_process.registry, hak_i_heap_unit(heap, block));
    return hak_i_heap_keep(heap, id, (const struct hak_slab *)slab, block);
}

/* A block of another heap needs no look if it can be allocated here, or goes home with neighbours freed before. */
HAK_INLINE bool free_foreign(struct hak_heap_hot *heap, uint32_t id, void *block)
{
    return HAK_LIKELY(hak_i_heap_is_foreign(heap, id)) &&
           (hak_i_heap_may_keep(id) ? keep(heap, id, block) : hak_i_heap_combine(heap, id, block));
}

/* Where free_foreign() had no stack for the block. */
HAK_INLINE bool goes_home(struct hak_heap_hot *heap, uint32_t id, void *block)
{
    return hak_i_heap_is_foreign(heap, id) && hak_i_heap_may_keep(id) && hak_i_heap_has_no_stack(heap, id) &&
           hak_i_heap_combine(heap, id, block);
}

/* A block of another heap. */
static HAK_NOINLINE void free_refused(void *block)
{
    struct hak_heap_hot *heap = hak_i_self;
    if (!goes_home(heap, hak_i_heap_id_at(heap, block), block))
        free_after_look(block, "hak_free");
}

/* A block of another heap that is not refused is freed without a call. */
void hak_i_front_free_slow(void *block)
{
    struct hak_heap_hot *heap = hak_i_self;
    uint32_t id = hak_i_heap_id_at(heap, block);
    if (HAK_UNLIKELY(!hak_i_heap_is_foreign(heap, id)))
        free_after_look(block, "hak_free");
    else if (HAK_UNLIKELY(!free_foreign(heap, id, block)))
        free_refused(block);
}

static bool is_live(const struct hak_look *look)
{
    return look->place == HAK_PLACE_BLOCK || look->place == HAK_PLACE_LARGE;
}

static bool is_id_of(uint32_t id, size_t size)
{
    return is_class_size(size) && hak_i_front_class(size) == hak_i_heap_class_of_id(id);
}

bool hak_i_front_size_matches(const struct hak_look *look, size_t size)
{
    if (look->place == HAK_PLACE_LARGE)
        return hak_i_arena_units(size) == look->large->asked_units;
    return is_id_of(look->id, size);
}

static void free_checked(void *block, size_t size, const char *function)
{
    struct hak_look look = hak_i_front_look(block);
    if (is_live(&look) && !hak_i_front_size_matches(&look, size))
        hak_i_front_misuse(HAK_ERROR_WRONG_SIZE_CLASS, block, &look, function);
    else
        free_looked(block, &look, function);
}

void hak_i_front_free_sized_slow(void *block, size_t size)
{
    struct hak_heap_hot *heap = hak_i_self;
    uint32_t id = hak_i_heap_id_at(heap, block);
    bool fits = is_id_of(id, size);
    if (block != NULL && !(fits && (free_foreign(heap, id, block) || goes_home(heap, id, block))))
        free_checked(block, size, "hak_free_sized");
}

void hak_free_aligned_sized(void *block, size_t alignment, size_t size)
{
    if (block == NULL)
        return;
    bool aligned = hak_is_power_of_two(alignment) && ((uintptr_t)block & (alignment - 1)) == 0;
    struct hak_look look = hak_i_front_look(block);
    if (is_live(&look) && !aligned)
        hak_i_front_misuse(HAK_ERROR_WRONG_ALIGNMENT, block, &look, "hak_free_aligned_sized");
    else
        free_checked(block,
                     aligned && alignment <= CLASS_ALIGNMENT_MAX ? hak_i_front_aligned_size(alignment, size) : size,
                     "hak_free_aligned_sized");
}

/* ---------------------------------------------------------------------------------------------- usable sizes ---- */

bool hak_i_front_look_up_live(const void *block, struct hak_look *look, const char *function)
{
    *look = hak_i_front_look(block);
    if (!is_live(look)) {
        hak_i_front_misplaced(block, look, function);
        return false;
    }
    if (look->place == HAK_PLACE_BLOCK && is_free_already(hak_i_front_heap(), look, block)) {
        hak_i_front_misuse(HAK_ERROR_DOUBLE_FREE, block, look, function);
        return false;
    }
    return true;
}

size_t hak_usable_size(const void *block)
{
    size_t scaled_class = hak_i_front_own_class(hak_i_self, block);
    if (HAK_LIKELY(scaled_class < HAK_CLASSES_SCALED))
        return hak_i_front_block_bytes(scaled_class);
    struct hak_look look;
    return block != NULL && hak_i_front_look_up_live(block, &look, "hak_usable_size") ? look.block_bytes : 0;
}

size_t hak_good_size(size_t size)
{
    if (is_class_size(size))
        return hak_i_slab_classes[hak_i_front_class(size)].block_bytes;
    return size > PTRDIFF_MAX ? 0 : hak_i_arena_units(size) << HAK_UNIT_SHIFT;
}

bool hak_owns(const void *address)
{
    if (!hak_i_front_started())
        return false;
    return hak_i_arena_holds(&hak_i_process.arena, hak_i_registry_unit(&hak_i_process.registry, (uintptr_t)address));
}

const char *hak_version(void)
{
    return "0.1.0";
}
