// SPDX-License-Identifier: MIT
// A filter refuses a system call that hakmem uses to be better, not to work. Argument: the call.
#include "program.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static void refuse(unsigned number, unsigned error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        puts("skipped: there are no system call filters here");
        exit(0);
    }
}

static void refuse_named(const char *name)
{
    if (strcmp(name, "madvise") == 0) {
        refuse(SYS_madvise, EPERM);
        REQUIRE(madvise(NULL, 0, MADV_DONTNEED) == -1 && errno == EPERM);
    } else if (strcmp(name, "mremap") == 0) {
        refuse(SYS_mremap, ENOSYS);
        REQUIRE(mremap(NULL, 0, 0, 0) == MAP_FAILED && errno == ENOSYS);
    } else if (strcmp(name, "membarrier") == 0) {
        refuse(SYS_membarrier, ENOSYS);
        REQUIRE(syscall(SYS_membarrier, 0, 0, 0) == -1 && errno == ENOSYS);
    } else if (strcmp(name, "prctl") == 0) {
        refuse(SYS_prctl, EPERM);
        REQUIRE(prctl(PR_GET_NAME, NULL) == -1 && errno == EPERM);
    } else {
        fail("the argument is a call", __FILE__, __LINE__);
    }
}

static void *use(void *nothing)
{
    for (uint64_t seed = 0; seed < 20; seed++)
        REQUIRE(work(500, 4000000, seed));
    return nothing;
}

/* Freed memory that could not be given back is not clean. */
static void require_zeroes(size_t size)
{
    free(memset(malloc(size), 1, size));
    char *block = calloc(size, 1);
    REQUIRE(block != NULL && block[0] == 0 && memcmp(block, block + 1, size - 1) == 0);
    free(block);
}

/* The pages of a block that grows are moved, or copied. */
static void require_growth(void)
{
    size_t size = 100000;
    unsigned char *block = memset(malloc(size), 7, size);
    for (; size < 100000000; size *= 2) {
        void *in_the_way = malloc(size);
        block = realloc(block, size * 2);
        REQUIRE(block != NULL && block[0] == 7 && memcmp(block, block + 1, size - 1) == 0);
        memset(block, 7, size * 2);
        free(in_the_way);
    }
    free(block);
}

int main(int argc, char **argv)
{
    REQUIRE(argc == 2);
    refuse_named(argv[1]);
    void *block = malloc(1);
    REQUIRE(is_hakmems(block));
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_create(&threads[i], NULL, use, NULL) == 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (size_t size = 4096; size < 100000000; size *= 3)
        require_zeroes(size);
    require_growth();
    return 0;
}
