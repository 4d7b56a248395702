// SPDX-License-Identifier: MIT
// What hakmem-run says, one line each on standard error, and the statuses it ends with itself.
#ifndef HAKMEM_RUN_REPORT_H
#define HAKMEM_RUN_REPORT_H

enum status {
    STATUS_REFUSED = 125,        /* nothing was run: bad usage, or the library would not take effect */
    STATUS_NOT_EXECUTABLE = 126, /* the command is there and cannot be run */
    STATUS_NOT_FOUND = 127
};

__attribute__((format(printf, 1, 2))) void report(const char *format, ...);

/* A report, then the end of the process. */
__attribute__((format(printf, 2, 3), noreturn)) void stop(enum status status, const char *format, ...);

#endif
