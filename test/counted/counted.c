// SPDX-License-Identifier: MIT
#include "counted.h"

__thread unsigned long hak_test_atomics, hak_test_locks;
