// SPDX-License-Identifier: MIT
// What a C program does with the package. Argument: the version that the package says it is.
#include <hakmem/hakmem.h>

#include <stdio.h>
#include <string.h>

static int use_blocks(void)
{
    char *text = hak_strdup("hakmem");
    if (text == NULL)
        return 0;
    char *longer = hak_realloc(text, 1000);
    if (longer == NULL) {
        hak_free(text);
        return 0;
    }
    int kept = strcmp(longer, "hakmem") == 0 && hak_owns(longer) && hak_usable_size(longer) >= 1000;
    hak_free(longer);
    return kept;
}

int main(int argc, char **argv)
{
    char header_version[32];
    snprintf(header_version, sizeof header_version, "%d.%d.%d", HAK_VERSION_MAJOR, HAK_VERSION_MINOR,
             HAK_VERSION_PATCH);
    printf("package %s, header %s, library %s\n", argc > 1 ? argv[1] : "unknown", header_version, hak_version());
    int same_version = argc > 1 && strcmp(argv[1], header_version) == 0 && strcmp(argv[1], hak_version()) == 0;
    return same_version && use_blocks() ? 0 : 1;
}
