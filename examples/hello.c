// SPDX-License-Identifier: MIT
// A block, a batch of blocks, sized frees, and what the allocator says about itself.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <hakmem/hakmem.h>

enum {
    NODE_BYTES = 48,
    NODE_COUNT = 1000
};

int main(void)
{
    char *name = hak_strdup("world");
    if (name == NULL)
        return EXIT_FAILURE;
    printf("Hello, %s, from hakmem %s.\n", name, hak_version());
    hak_free(name);

    void *nodes[NODE_COUNT];
    const size_t count = hak_alloc_batch(NODE_BYTES, NODE_COUNT, nodes);
    printf("%zu blocks at once, %zu usable bytes each.\n", count, hak_good_size(NODE_BYTES));

    struct hak_stats stats = {.size = sizeof stats};
    if (hak_stats_get(&stats) == 0)
        printf("%" PRIu64 " blocks and %" PRIu64 " bytes live.\n", stats.live_blocks, stats.live_bytes);

    if (count > 0) {
        hak_free_sized(nodes[0], NODE_BYTES);
        hak_free_batch(nodes + 1, count - 1);
    }
    if (hak_stats_get(&stats) == 0)
        printf("%" PRIu64 " blocks live after the frees.\n", stats.live_blocks);
    return count == NODE_COUNT ? EXIT_SUCCESS : EXIT_FAILURE;
}
