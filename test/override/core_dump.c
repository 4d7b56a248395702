// SPDX-License-Identifier: MIT
// A core dump holds the heap and is not swollen by what is only reserved. Whatever becomes of dumps here, the kernel's
// flags say what would be in one; where it writes them to the working folder, one is written and read.
#include "program.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
    BLOCKS = 4000,
    BLOCK_BYTES = 5000,
    MORE_BYTES = 64 << 20 /* the program's own, hakmem's records, and what a growth step brought */
};

static char *blocks[BLOCKS];

/* Not to be found in the program's image as it stands. */
static void write_pattern(char *text, int number)
{
    snprintf(text, 64, "block %d of the heap", number);
}

static void fill_blocks(void)
{
    for (int i = 0; i < BLOCKS; i++) {
        REQUIRE((blocks[i] = malloc(BLOCK_BYTES)) != NULL && is_hakmems(blocks[i]));
        write_pattern(blocks[i], i);
    }
}

/* Whether the mapping of this address is one that dumps leave out. */
static bool is_left_out(const void *address)
{
    char line[512], *flags = NULL;
    bool inside = false;
    FILE *file = fopen("/proc/self/smaps", "r");
    REQUIRE(file != NULL);
    while (flags == NULL && fgets(line, sizeof line, file) != NULL) {
        uintptr_t start, end;
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            inside = start <= (uintptr_t)address && (uintptr_t)address < end;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            flags = line;
    }
    fclose(file);
    REQUIRE(flags != NULL);
    return strstr(flags, " dd") != NULL || strstr(flags, " rd") == NULL;
}

/* ---------------------------------------------------------------------------------------------- a dump itself ---- */

static bool may_be_large_enough(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max >= (rlim_t)BLOCKS * BLOCK_BYTES + MORE_BYTES;
}

static bool dumps_go_to_the_working_folder(void)
{
    char pattern[256] = {0};
    int file = open("/proc/sys/kernel/core_pattern", O_RDONLY);
    if (file < 0 || read(file, pattern, sizeof pattern - 1) <= 0)
        return false;
    close(file);
    return pattern[0] != '|' && strchr(pattern, '/') == NULL && may_be_large_enough();
}

static void end_with_a_dump(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit) != 0)
        _exit(2);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_CORE, &limit) != 0)
        _exit(2);
    abort();
}

/* The only file in the working folder; -1: there is none. */
static int open_dump(void)
{
    DIR *folder = opendir(".");
    REQUIRE(folder != NULL);
    int file = -1;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.') {
            REQUIRE(file < 0);
            file = open(entry->d_name, O_RDONLY);
            REQUIRE(file >= 0 && unlink(entry->d_name) == 0);
        }
    closedir(folder);
    return file;
}

static void require_heap_in(int file, size_t bytes)
{
    char pattern[64];
    char *dump = malloc(bytes);
    REQUIRE(dump != NULL && pread(file, dump, bytes, 0) == (ssize_t)bytes);
    for (int i = 0; i < BLOCKS; i += 999) {
        write_pattern(pattern, i);
        REQUIRE(memmem(dump, bytes, pattern, strlen(pattern) + 1) != NULL);
    }
    free(dump);
}

static void make_and_read_dump(void)
{
    char folder[] = "/tmp/hakmem_core_XXXXXX";
    REQUIRE(mkdtemp(folder) != NULL && chdir(folder) == 0);
    int status;
    pid_t child = fork();
    if (child == 0)
        end_with_a_dump();
    REQUIRE(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    int file = open_dump();
    REQUIRE(rmdir(folder) == 0);
    if (file < 0) {
        REQUIRE(!WCOREDUMP(status));
        puts("no dump was written here, though one should go to the working folder; the flags are as they should be");
        return;
    }
    struct stat about;
    REQUIRE(fstat(file, &about) == 0);
    printf("%jd bytes with %d in blocks\n", (intmax_t)about.st_size, BLOCKS * BLOCK_BYTES);
    REQUIRE(about.st_size >= BLOCKS * BLOCK_BYTES && about.st_size <= BLOCKS * BLOCK_BYTES + MORE_BYTES);
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    require_heap_in(file, (size_t)about.st_size);
}

int main(void)
{
    fill_blocks();
    for (int i = 0; i < BLOCKS; i += 99)
        REQUIRE(!is_left_out(blocks[i]));
    if (dumps_go_to_the_working_folder())
        make_and_read_dump();
    else
        puts("whole dumps do not go to the working folder here, so none was made; the flags are as they should be");
    return 0;
}
