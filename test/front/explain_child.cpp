// SPDX-License-Identifier: MIT
// The page at times that are not quiet ones: before the first allocation, in exit handlers, in a child of fork().
// Succeeds by ending with 0. Argument: first, exit, fork, option, closed: after standard error was closed; or huge:
// what huge pages add, where there are any.
#include "explained.h"
#include "support.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstdarg>

using namespace hak_test;

namespace {

void require(bool condition, const char *what, const std::string &page)
{
    if (!condition) {
        fprintf(stderr, "not so: %s\n%s", what, page.c_str());
        _exit(1);
    }
}

void require_whole_page()
{
    std::string page = explain();
    require(page.find("hakmem in process " + std::to_string(getpid()) + " (explain_child): ") == 0, "head", page);
    require(page.find("committed: all of these together") != std::string::npos, "sum", page);
    require(sum_of_parts(page) == statistics().committed_bytes, "sum of parts", page);
}

void use_hakmem()
{
    for (size_t size = 1; size < 4 * MiB; size = size * 5 / 4 + 1) {
        void *block = hak_alloc(size), *other = hak_alloc(size);
        memset(block, 1, size);
        hak_free(size % 2 == 0 ? block : other);
    }
}

/** 60 MiB, in huge pages where the system gives them, of which one page in sixteen is used. */
void require_advice_on_huge_pages()
{
    std::vector<void *> blocks(60 * MiB / (64 * KiB));
    if (hak_alloc_batch(64 * KiB, blocks.size(), blocks.data()) != blocks.size()) {
        _exit(1);
    }
    memset(blocks.front(), 1, 4 * KiB);
    for (size_t i = 0; i < blocks.size(); i += 8) {
        memset(blocks[i], 1, 4 * KiB);
    }
    void *last = hak_alloc(14 * KiB);
    memset(last, 1, 14 * KiB);
    std::string page = explain();
    require(statistics().page_faults_saved < 60 * MiB / 4096, "few page faults saved", page);
    if (figure(page, HAK_AMOUNT " of them hakmem's") < 40 * MiB) {
        puts("skipped: no huge pages here");
    } else {
        require(figure(page, "HAKMEM_THP=never would do without up to " HAK_AMOUNT) > 0, "advice", page);
    }
    hak_free(last);
    hak_free_batch(blocks.data(), blocks.size());
}

__attribute__((destructor)) void at_the_end()
{
    require_whole_page();
}

} // namespace

/* What libraries put before the C library's, as fakeroot does, may allocate. */

extern "C" int fcntl(int file, int command, ...)
{
    hak_free(hak_alloc(100));
    va_list arguments;
    va_start(arguments, command);
    long argument = va_arg(arguments, long);
    va_end(arguments);
    return static_cast<int>(syscall(SYS_fcntl, file, command, argument));
}

extern "C" int fstat(int file, struct stat *status) noexcept(noexcept(::fstat(file, status)))
{
    hak_free(hak_alloc(100));
    return static_cast<int>(syscall(SYS_fstat, file, status));
}

int main(int, char **arguments)
{
    const std::string run = arguments[1];
    std::string page = explain();
    require(page.find("nothing was asked of it yet") != std::string::npos, "nothing yet", page);
    require(statistics().committed_bytes == 0, "nothing committed", page);
    use_hakmem();
    require_whole_page();
    if (run == "huge") {
        require_advice_on_huge_pages();
    }
    if ((run == "option" || run == "closed") && hak_option_set("explain", "exit") != 0) {
        return 1;
    }
    if (run == "closed") {
        close(STDERR_FILENO);
    }
    if (run == "exit") {
        atexit([] { require_whole_page(); });
    }
    if (run == "fork") {
        pid_t child = fork();
        use_hakmem();
        require_whole_page();
        int status = 0;
        if (child != 0 && (waitpid(child, &status, 0) != child || status != 0)) {
            return 1;
        }
    }
    return 0;
}
