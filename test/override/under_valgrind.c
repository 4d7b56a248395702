// SPDX-License-Identifier: MIT
// Work with a thread, for valgrind, which may or may not put its own malloc over hakmem's.
#include "program.h"

#include <pthread.h>

static void *use(void *nothing)
{
    REQUIRE(work(500, 300000, 1));
    return nothing;
}

int main(void)
{
    pthread_t thread;
    REQUIRE(dlsym(RTLD_DEFAULT, "hak_owns") != NULL);
    REQUIRE(pthread_create(&thread, NULL, use, NULL) == 0);
    use(NULL);
    REQUIRE(pthread_join(thread, NULL) == 0);
    char *text = strdup("text");
    REQUIRE(strcmp(text, "text") == 0);
    free(text);
    return 0;
}
