// SPDX-License-Identifier: MIT
// Blocks get a new size, there or elsewhere.
#include <string.h>

#include "front/classes.h"
#include "front/own.h"

/* A block of this size that still grows becomes a span with room behind it. */
#define ROOMY_BYTES_MIN (64 * HAK_KIB)

static void *move_block(void *block, size_t kept_bytes, void *to)
{
    if (to == NULL)
        return hak_i_front_no_memory();
    memcpy(to, block, kept_bytes);
    hak_i_front_free(block);
    return to;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void *acquire_roomy(size_t size)
{
    struct hak_heap *mine = hak_i_front_begin_work();
    void *block = hak_i_arena_large_acquire_roomy(&hak_i_process.arena, size);
    hak_i_front_end_work(mine);
    return block;
}

static void *alloc_roomy(size_t size)
{
    void *block;
    struct hak_relief relief = {0};
    do
        block = acquire_roomy(size);
    while (block == NULL && hak_i_front_budget_relieves(&relief, size));
    hak_i_front_tend_budget();
    return block;
}

static void *realloc_class_block(void *block, const struct hak_look *look, size_t size)
{
    if (hak_i_front_size_matches(look, size))
        return block;
    bool grows_on = size > look->block_bytes && look->block_bytes >= ROOMY_BYTES_MIN;
    void *to = grows_on ? alloc_roomy(size) : hak_i_front_alloc(size);
    return move_block(block, smaller(size, look->block_bytes), to);
}

/* The large block with the new size, there or elsewhere; NULL: no memory. */
static void *resize_large(void *block, struct hak_large *large, size_t size)
{
    struct hak_heap *mine = hak_i_front_begin_work();
    bool resized = hak_i_arena_large_resize(&hak_i_process.arena, large, size);
    void *to = resized ? block : hak_i_arena_large_move(&hak_i_process.arena, large, size);
    hak_i_front_end_work(mine);
    return to;
}

static void *realloc_large(void *block, const struct hak_look *look, size_t size)
{
    if (size < ROOMY_BYTES_MIN)
        return move_block(block, smaller(size, look->block_bytes), hak_i_front_alloc(size));
    void *to;
    struct hak_relief relief = {0};
    do
        to = resize_large(block, look->large, size);
    while (to == NULL && hak_i_front_budget_relieves(&relief, size));
    hak_i_front_tend_budget();
    return to != NULL ? to : hak_i_front_no_memory();
}

static HAK_NOINLINE void *realloc_looked(void *block, size_t size)
{
    struct hak_look look;
    if (!hak_i_front_look_up_live(block, &look, "hak_realloc"))
        return NULL;
    if (size > PTRDIFF_MAX)
        return hak_i_front_no_memory();
    return look.place == HAK_PLACE_LARGE ? realloc_large(block, &look, size) : realloc_class_block(block, &look, size);
}

/* Apart, so that what stays where it is needs no frame. */
static HAK_NOINLINE void *move_own(void *block, size_t size, size_t scaled_class)
{
    return move_block(block, smaller(size, hak_i_front_block_bytes(scaled_class)), hak_i_front_alloc(size));
}

void *hak_realloc(void *block, size_t size)
{
    if (block == NULL)
        return hak_i_front_alloc(size);
    size_t scaled_class = hak_i_front_own_class(hak_i_self, block);
    if (scaled_class >= HAK_CLASSES_SCALED || size > HAK_POOL_TABLE_BYTES_MAX)
        return realloc_looked(block, size);
    return hak_i_front_class(size) == scaled_class / HAK_BIN_BYTES ? block : move_own(block, size, scaled_class);
}

void *hak_reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? hak_i_front_no_memory() : hak_realloc(block, bytes);
}
