// SPDX-License-Identifier: MIT
#include "report.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* What is told may come from a file: whatever is in it stays on one line and does not steer a terminal. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == '\x7f')
            *text = '?';
}

static void write_line(const char *format, va_list arguments)
{
    static char text[4 * PATH_MAX];
    vsnprintf(text, sizeof text, format, arguments);
    make_printable(text);
    fprintf(stderr, "hakmem-run: %s\n", text);
}

void report(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
}

void stop(enum status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
    exit((int)status);
}
