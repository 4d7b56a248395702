// SPDX-License-Identifier: MIT
// Calls nothing of malloc's family itself, so only the target's own options keep a linker from leaving the library out.
#include "program.h"

int main(void)
{
    REQUIRE(is_hakmems(strdup("text")));
    return 0;
}
