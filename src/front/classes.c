// SPDX-License-Identifier: MIT
#include "front/classes.h"

const struct hak_class hak_i_slab_classes[HAK_CLASS_COUNT] = {HAK_TINY_CLASSES, HAK_POOL_CLASSES};
