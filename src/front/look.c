// SPDX-License-Identifier: MIT
// What an address is, from the registry's tables and the arena's bitmaps alone.
#include "base/bits.h"
#include "front/front_private.h"

static struct hak_look look_at_class_block(size_t unit, uint32_t id, uintptr_t address)
{
    const struct hak_class *of = &hak_i_slab_classes[hak_i_heap_class_of_id(id)];
    struct hak_look look = {.place = HAK_PLACE_BLOCK, .id = id, .unit = unit, .block_bytes = of->block_bytes};
    uintptr_t offset = address & of->start_mask;
    const struct hak_slab *slab = (const struct hak_slab *)hak_i_registry_record(&hak_i_process.registry, unit);
    if (offset * of->inverse >= of->inverse)
        look.place = HAK_PLACE_INTERIOR;
    else if (hak_i_slab_quotient(of, address - hak_load_relaxed(&slab->start)) >= hak_load_relaxed(&slab->carved))
        look.place = HAK_PLACE_NEVER;
    return look;
}

static struct hak_look look_at_large(size_t unit, uintptr_t address)
{
    struct hak_large *large = (struct hak_large *)hak_i_registry_record(&hak_i_process.registry, unit);
    bool start = address == hak_i_registry_address(&hak_i_process.registry, unit);
    return (struct hak_look){.place = start ? HAK_PLACE_LARGE : HAK_PLACE_INTERIOR,
                             .id = HAK_ID_LARGE,
                             .unit = unit,
                             .block_bytes = large->asked_units << HAK_UNIT_SHIFT,
                             .large = large};
}

/*
 * Units inside a block of HAK_UNIT_BLOCK_BYTES and more carry no ID of their own: the block is the one that starts
 * before. Only reports get here.
 */
static bool is_inside_block(size_t unit, struct hak_look *look)
{
    const struct hak_registry *registry = &hak_i_process.registry;
    size_t start = unit;
    while (start > 0 && hak_i_arena_holds(&hak_i_process.arena, start - 1)) {
        uint32_t id = hak_i_registry_id(registry, --start);
        if (id == HAK_ID_NOTHING || id == HAK_ID_FREED_LARGE)
            continue;
        bool large = id == HAK_ID_LARGE;
        struct hak_look found =
            large ? look_at_large(start, 0) : look_at_class_block(start, id, hak_i_registry_address(registry, start));
        look->id = id;
        look->block_bytes = found.block_bytes;
        bool has_interior = large || found.block_bytes >= HAK_UNIT_BLOCK_BYTES;
        return has_interior && start + hak_i_arena_units(found.block_bytes) > unit;
    }
    return false;
}

static struct hak_look look_at_nothing(size_t unit, uint32_t id)
{
    struct hak_look look = {.place = HAK_PLACE_NEVER, .unit = unit};
    bool was_used = hak_i_registry_record(&hak_i_process.registry, unit) != NULL;
    if (id == HAK_ID_FREED_LARGE)
        look.place = HAK_PLACE_FREED;
    else if (hak_i_arena_holds(&hak_i_process.arena, unit) && is_inside_block(unit, &look))
        look.place = HAK_PLACE_INTERIOR;
    else if (was_used)
        look.place = HAK_PLACE_FREED;
    return look;
}

struct hak_look hak_i_front_look(const void *address)
{
    const struct hak_registry *registry = &hak_i_process.registry;
    if (!hak_i_front_started())
        return (struct hak_look){.place = HAK_PLACE_FOREIGN};
    size_t unit = hak_i_registry_unit(registry, (uintptr_t)address);
    if (unit >= registry->units)
        return (struct hak_look){.place = HAK_PLACE_FOREIGN};
    uint32_t id = hak_i_registry_id(registry, unit);
    if (hak_i_heap_number_of_id(id) != 0)
        return look_at_class_block(unit, id, (uintptr_t)address);
    return id == HAK_ID_LARGE ? look_at_large(unit, (uintptr_t)address) : look_at_nothing(unit, id);
}
