// SPDX-License-Identifier: MIT
// Standard error for the page at a process's end. Many programs have closed it by then, so it is kept under another
// number; and what a number stands for may have changed, so nothing is written to any file but the one from the start.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "os_boundary/os_boundary.h"

/* Beyond the numbers that shells and programs choose for themselves. */
#define KEPT_NUMBER_MIN 200

static bool begun, remembered; /* atomic: whether one thread has, and has ended, to write what follows */
static struct stat at_start;
static int kept = -1;

static bool is_stderr(int number)
{
    struct stat status;
    return number >= 0 && fstat(number, &status) == 0 && status.st_dev == at_start.st_dev &&
           status.st_ino == at_start.st_ino;
}

void hak_i_os_keep_stderr(void)
{
    /* relaxed: it orders nothing */
    if (hak_exchange_relaxed(&begun, true))
        return;
    int saved_errno = errno;
    if (fstat(STDERR_FILENO, &at_start) == 0) {
        kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, KEPT_NUMBER_MIN);
        if (kept < 0) /* the limit may be lower */
            kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    }
    hak_store_release(&remembered, true); /* pairs with the acquire where it is written to */
    errno = saved_errno;
}

static void write_all(int number, const char *text, size_t length)
{
    bool writable = true;
    while (writable && length != 0) {
        ssize_t written = write(number, text, length);
        writable = written >= 0 || errno == EINTR;
        if (written > 0) {
            text += written;
            length -= (size_t)written;
        }
    }
}

/* Nobody may read it any more, and the process has its own output to write yet: SIGPIPE is not for this thread now. */
static void write_without_signal(int number, const char *text, size_t length)
{
    sigset_t broken_pipe, before, pending;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
    write_all(number, text, length);
    const struct timespec at_once = {0};
    if (!sigismember(&pending, SIGPIPE))
        (void)sigtimedwait(&broken_pipe, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* No thread is cancelled in here, nor in what called this. */
void hak_i_os_write_stderr(const char *text, size_t length)
{
    int saved_errno = errno, cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    bool known = hak_load_acquire(&remembered);
    int number = known && is_stderr(kept) ? kept : STDERR_FILENO;
    if (!known || is_stderr(number))
        write_without_signal(number, text, length);
    pthread_setcancelstate(cancel_state, NULL);
    errno = saved_errno;
}
