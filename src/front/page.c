// SPDX-License-Identifier: MIT
#include "front/page.h"

#include <stdarg.h>
#include <string.h>

/* The longest number: 20 digits and 6 commas. */
#define NUMBER_TEXT 32

/* ----------------------------------------------------------------------------------------------------- lines ---- */

static void write_line(struct hak_page *page, size_t length)
{
    char saved = page->line[length];
    page->line[length] = '\n';
    page->write(page->arg, page->line, length + 1);
    page->line[length] = saved;
}

/* Where the line can be broken: behind its last space, or at its end. */
static size_t break_of(const struct hak_page *page)
{
    size_t at = page->length;
    while (at > page->indent && page->line[at - 1] != ' ')
        at--;
    return at > page->indent ? at : page->length;
}

static void break_line(struct hak_page *page)
{
    size_t at = break_of(page);
    size_t rest = page->length - at;
    size_t end = at;
    while (end > 0 && page->line[end - 1] == ' ')
        end--;
    write_line(page, end);
    memmove(page->line + page->indent, page->line + at, rest);
    memset(page->line, ' ', page->indent);
    page->length = page->indent + rest;
}

static void put(struct hak_page *page, char letter)
{
    if (letter == '\n') {
        write_line(page, page->length);
        page->length = 0;
        return;
    }
    if (page->length == HAK_PAGE_COLUMNS)
        break_line(page);
    page->line[page->length++] = letter;
}

/* ---------------------------------------------------------------------------------------------------- pieces ---- */

/* Writes the digits before `end`, with a comma between thousands if wanted; returns where they start. */
static char *digits_before(char *end, uint64_t number, bool commas)
{
    unsigned count = 0;
    do {
        if (commas && count != 0 && count % 3 == 0)
            *--end = ',';
        *--end = (char)('0' + number % 10);
        number /= 10;
        count++;
    } while (number != 0);
    return end;
}

static const char *number_text(char *text, uint64_t number, bool commas)
{
    text[NUMBER_TEXT - 1] = '\0';
    return digits_before(text + NUMBER_TEXT - 1, number, commas);
}

/* As "512 B", "1.4 MiB", "230 MiB", cut off, so that nothing is said to be more than it is. */
static const char *bytes_text(char *text, uint64_t bytes)
{
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB"};
    unsigned unit = 0;
    while (unit < 4 && bytes >> 10 * unit >= 1024)
        unit++;
    uint64_t whole = bytes >> 10 * unit;
    uint64_t rest = bytes - (whole << 10 * unit);
    size_t length = strlen(units[unit]) + 1;
    char *at = (char *)memcpy(text + NUMBER_TEXT - length, units[unit], length);
    if (unit != 0 && whole < 100) {
        *--at = (char)('0' + (rest * 10 >> 10 * unit));
        *--at = '.';
    }
    return digits_before(at, whole, true);
}

/* A program chooses its own name: whatever is in it stays on the line and does not steer a terminal. */
static char printable(char letter)
{
    return (unsigned char)letter < ' ' || letter == '\x7f' ? '?' : letter;
}

static void put_text(struct hak_page *page, const char *text, size_t width)
{
    for (size_t length = strlen(text); length < width; length++)
        put(page, ' ');
    for (; *text != '\0'; text++)
        put(page, printable(*text));
}

/* ------------------------------------------------------------------------------------------------- sentences ---- */

void hak_i_page_begin(struct hak_page *page, size_t indent)
{
    page->indent = indent;
}

static void put_number(struct hak_page *page, char kind, uint64_t number, size_t width)
{
    char text[NUMBER_TEXT];
    if (kind == 'u')
        page->last_number = number;
    put_text(page, kind == 'b' ? bytes_text(text, number) : number_text(text, number, kind == 'u'), width);
}

static void put_plain(struct hak_page *page, char letter)
{
    if (letter != '~')
        put(page, letter);
    else if (page->last_number != 1)
        put(page, 's');
}

void hak_i_page_say(struct hak_page *page, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    for (; *format != '\0'; format++) {
        if (*format != '%' || *++format == '%') {
            put_plain(page, *format);
            continue;
        }
        size_t width = 0;
        for (; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + (size_t)(*format - '0');
        if (*format == 's')
            put_text(page, va_arg(arguments, const char *), width);
        else
            put_number(page, *format, va_arg(arguments, uint64_t), width);
    }
    va_end(arguments);
}
