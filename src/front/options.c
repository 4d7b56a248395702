// SPDX-License-Identifier: MIT
#include <hakmem/hakmem.h>

#include "base/option.h"
#include "front/front_private.h"

int hak_option_set(const char *name, const char *value)
{
    int error = hak_i_base_option_set(name, value);
    hak_i_front_prepare_page(); /* which may be wanted from now on */
    return error;
}

int hak_option_get(const char *name, char *buffer, size_t size)
{
    return hak_i_base_option_get(name, buffer, size);
}
