// SPDX-License-Identifier: MIT
// A plugin that links libhakmem for the hak_ functions.
#include <hakmem/hakmem.h>

void *plugin_alloc(size_t size);
void plugin_free(void *block);
bool plugin_owns(const void *block);

void *plugin_alloc(size_t size)
{
    return hak_alloc(size);
}

void plugin_free(void *block)
{
    hak_free(block);
}

bool plugin_owns(const void *block)
{
    return hak_owns(block);
}
