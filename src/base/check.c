// SPDX-License-Identifier: MIT
#include "base/check.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void append(struct hak_line *line, const char *text, size_t length)
{
    size_t room = sizeof line->text - line->length;
    size_t taken = length < room ? length : room;
    memcpy(line->text + line->length, text, taken);
    line->length += taken;
}

void hak_i_base_line_text(struct hak_line *line, const char *text)
{
    append(line, text, strlen(text));
}

static void append_digits(struct hak_line *line, uint64_t number, unsigned radix)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[number % radix];
        number /= radix;
    } while (number != 0);
    append(line, digits + at, sizeof digits - at);
}

void hak_i_base_line_number(struct hak_line *line, uint64_t number)
{
    append_digits(line, number, 10);
}

void hak_i_base_line_address(struct hak_line *line, uintptr_t address)
{
    append(line, "0x", 2);
    append_digits(line, address, 16);
}

void hak_i_base_line_write(const struct hak_line *line)
{
    struct hak_line whole = {0};
    append(&whole, "hakmem: ", 8);
    append(&whole, line->text, line->length);
    if (whole.length == sizeof whole.text)
        whole.length--;
    append(&whole, "\n", 1);
    int saved_errno = errno, cancellable;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellable); /* locks may be held */
    ssize_t ignored = write(STDERR_FILENO, whole.text, whole.length);
    (void)ignored;
    pthread_setcancelstate(cancellable, NULL);
    errno = saved_errno;
}

void hak_i_base_fail(const char *text)
{
    struct hak_line line = {0};
    hak_i_base_line_text(&line, "internal error: ");
    hak_i_base_line_text(&line, text);
    hak_i_base_line_write(&line);
    abort();
}
