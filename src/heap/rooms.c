// SPDX-License-Identifier: MIT
// The slabs of a class that have room, by address: a treap, whose shape follows from the addresses alone. Blocks are
// taken from the lowest slab, so that the higher ones become empty and go back.
#include "heap/heap_private.h"

/* Above are the slabs of higher rank; units are in order, ranks are not. */
static uint32_t rank(const struct hak_slab *slab)
{
    return (uint32_t)((slab->start >> HAK_UNIT_SHIFT) * 0x9E3779B97F4A7C15U >> 32);
}

static struct hak_slab **side(struct hak_slab *slab, const struct hak_slab *of)
{
    return slab->start < of->start ? &slab->higher : &slab->lower;
}

void hak_i_rooms_add(struct hak_slab **rooms, struct hak_slab *slab)
{
    struct hak_slab **place = rooms;
    while (*place != NULL && rank(*place) >= rank(slab))
        place = side(*place, slab);
    struct hak_slab *below = *place;
    *place = slab;
    struct hak_slab **lower = &slab->lower;
    struct hak_slab **higher = &slab->higher;
    while (below != NULL) {
        struct hak_slab ***end = below->start < slab->start ? &lower : &higher;
        **end = below;
        *end = side(below, slab);
        below = **end;
    }
    *lower = NULL;
    *higher = NULL;
}

void hak_i_rooms_remove(struct hak_slab **rooms, struct hak_slab *slab)
{
    struct hak_slab **place = rooms;
    while (*place != slab)
        place = side(*place, slab);
    struct hak_slab *lower = slab->lower;
    struct hak_slab *higher = slab->higher;
    while (lower != NULL && higher != NULL) {
        bool lower_is_above = rank(lower) >= rank(higher);
        struct hak_slab **above = lower_is_above ? &lower : &higher;
        *place = *above;
        place = lower_is_above ? &lower->higher : &higher->lower;
        *above = *place;
    }
    *place = lower != NULL ? lower : higher;
}

struct hak_slab *hak_i_rooms_lowest(struct hak_slab *rooms)
{
    while (rooms != NULL && rooms->lower != NULL)
        rooms = rooms->lower;
    return rooms;
}

struct hak_slab *hak_i_rooms_next(struct hak_slab *rooms, const struct hak_slab *slab)
{
    struct hak_slab *next = NULL;
    while (rooms != NULL) {
        bool beyond = rooms->start > slab->start;
        next = beyond ? rooms : next;
        rooms = beyond ? rooms->lower : rooms->higher;
    }
    return next;
}
