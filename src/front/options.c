// SPDX-License-Identifier: MIT
#include <hakmem/hakmem.h>

#include "base/option.h"

int hak_option_set(const char *name, const char *value)
{
    return hak_i_base_option_set(name, value);
}

int hak_option_get(const char *name, char *buffer, size_t size)
{
    return hak_i_base_option_get(name, buffer, size);
}
