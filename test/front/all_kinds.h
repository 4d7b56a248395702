// SPDX-License-Identifier: MIT
#ifndef HAKMEM_TEST_FRONT_ALL_KINDS_H
#define HAKMEM_TEST_FRONT_ALL_KINDS_H

#include "support.h"

namespace hak_test {

/** One of each size around a class's edge up to 4 MiB, and as many at all alignments up to 512 KiB. */
inline std::vector<void *> blocks_of_all_kinds()
{
    std::vector<void *> blocks;
    for (size_t size : edge_sizes(4 * MiB)) {
        blocks.push_back(hak_alloc(size));
        blocks.push_back(hak_aligned_alloc(size_t{1} << (blocks.size() % 20), size / 2));
    }
    return blocks;
}

} // namespace hak_test

#endif
