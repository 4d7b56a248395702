// SPDX-License-Identifier: MIT
// Reports of misuse: one line, one write, no allocation, no lock.
#include <stdlib.h>

#include "base/atomic.h"
#include "base/option.h"
#include "front/front_private.h"
#include "os_boundary/os_boundary.h"

static hak_error_handler *error_handler;
static void *error_handler_arg;

void hak_set_error_handler(hak_error_handler *handler, void *arg)
{
    hak_store_relaxed(&error_handler_arg, arg);
    /* release: who sees the handler sees its argument */
    hak_store_release(&error_handler, handler);
}

static const char *kind_text(enum hak_error_kind kind)
{
    switch (kind) {
    case HAK_ERROR_DOUBLE_FREE:
        return "double free";
    case HAK_ERROR_INTERIOR_POINTER:
        return "interior pointer";
    case HAK_ERROR_FOREIGN_POINTER:
        return "foreign pointer";
    case HAK_ERROR_NEVER_ALLOCATED:
        return "never allocated";
    case HAK_ERROR_WRONG_SIZE_CLASS:
        return "wrong size class";
    case HAK_ERROR_WRONG_ALIGNMENT:
        return "wrong alignment";
    }
    return "misuse";
}

static void describe_block(struct hak_line *line, const struct hak_look *look)
{
    if (look->id == HAK_ID_LARGE) {
        hak_i_base_line_text(line, " (large block of ");
        hak_i_base_line_number(line, look->block_bytes);
        hak_i_base_line_text(line, " bytes)");
        return;
    }
    bool tiny = hak_i_heap_class_of_id(look->id) < HAK_TINY_CLASS_COUNT;
    hak_i_base_line_text(line, tiny ? " (tiny, " : " (pool, ");
    hak_i_base_line_number(line, look->block_bytes);
    hak_i_base_line_text(line, "-byte class");
    uint32_t owner = hak_i_heap_number_of_id(look->id);
    if (owner != 0) {
        hak_i_base_line_text(line, ", owned by heap ");
        hak_i_base_line_number(line, owner);
    }
    hak_i_base_line_text(line, ")");
}

static void describe(struct hak_line *line, enum hak_error_kind kind, const void *address, const struct hak_look *look,
                     const char *function)
{
    hak_i_base_line_text(line, kind_text(kind));
    hak_i_base_line_text(line, ": ");
    hak_i_base_line_address(line, (uintptr_t)address);
    if (look->block_bytes != 0)
        describe_block(line, look);
    else if (kind != HAK_ERROR_FOREIGN_POINTER)
        hak_i_base_line_text(line, " (no block there now)");
    hak_i_base_line_text(line, " in ");
    hak_i_base_line_text(line, function);
}

void hak_i_front_misuse(enum hak_error_kind kind, const void *address, const struct hak_look *look,
                        const char *function)
{
    struct hak_line line = {0};
    describe(&line, kind, address, look, function);
    hak_error_handler *handler = hak_load_acquire(&error_handler);
    if (handler == NULL) {
        hak_i_base_line_write(&line);
        if (kind != HAK_ERROR_FOREIGN_POINTER ||
            hak_load_relaxed(&hak_i_base_options.foreign_free) == HAK_FOREIGN_ABORT)
            abort();
        return;
    }
    line.text[line.length < sizeof line.text ? line.length : sizeof line.text - 1] = '\0';
    struct hak_error error = {.size = sizeof error,
                              .kind = kind,
                              .address = address,
                              .block_size = look->block_bytes,
                              .owner = hak_i_heap_number_of_id(look->id),
                              .function = function,
                              .message = line.text};
    handler(&error, hak_load_relaxed(&error_handler_arg));
}

/* Of nobody's pointers, those that are let pass without a word. */
static bool is_ignored(const void *address)
{
    (void)hak_i_front_start(); /* which reads the options */
    return hak_load_relaxed(&hak_i_base_options.foreign_free) == HAK_FOREIGN_IGNORE ||
           hak_i_os_is_loaders(address, hak_owns);
}

void hak_i_front_misplaced(const void *address, const struct hak_look *look, const char *function)
{
    static const enum hak_error_kind kinds[] = {
        [HAK_PLACE_FOREIGN] = HAK_ERROR_FOREIGN_POINTER,
        [HAK_PLACE_NEVER] = HAK_ERROR_NEVER_ALLOCATED,
        [HAK_PLACE_FREED] = HAK_ERROR_DOUBLE_FREE,
        [HAK_PLACE_INTERIOR] = HAK_ERROR_INTERIOR_POINTER,
    };
    if (look->place != HAK_PLACE_FOREIGN || !is_ignored(address))
        hak_i_front_misuse(kinds[look->place], address, look, function);
}

/* The ID of the finding's block, without an owner once no slab of its class is there. */
static uint32_t id_of(const struct hak_finding *finding)
{
    const struct hak_registry *registry = &hak_i_process.registry;
    uint32_t id = hak_i_registry_id(registry, hak_i_registry_unit(registry, (uintptr_t)finding->block));
    bool is_there = hak_i_heap_number_of_id(id) != 0 && hak_i_heap_class_of_id(id) == finding->class_index;
    return is_there ? id : finding->class_index * HAK_BIN_BYTES;
}

void hak_i_front_report_findings(struct hak_heap *heap, const char *function)
{
    while (HAK_UNLIKELY(heap->finding_count != 0)) {
        struct hak_finding finding = heap->findings[--heap->finding_count];
        struct hak_look look = {.id = id_of(&finding),
                                .block_bytes = hak_i_slab_classes[finding.class_index].block_bytes};
        hak_i_front_misuse(finding.never_allocated ? HAK_ERROR_NEVER_ALLOCATED : HAK_ERROR_DOUBLE_FREE, finding.block,
                           &look, function);
    }
}
