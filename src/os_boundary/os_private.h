// SPDX-License-Identifier: MIT
// What the files of this box share, and its own suite.
#ifndef HAK_OS_BOUNDARY_OS_PRIVATE_H
#define HAK_OS_BOUNDARY_OS_PRIVATE_H

#include "base/attributes.h"

HAK_EXTERN_C_BEGIN

/*
 * The least memory limit of the control groups that the process is in, SIZE_MAX where there is none. `root` stands
 * before every path: "" for the system at hand.
 */
size_t hak_i_os_group_limit_bytes(const char *root);

HAK_EXTERN_C_END

#endif
