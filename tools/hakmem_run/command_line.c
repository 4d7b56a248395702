// SPDX-License-Identifier: MIT
#include "command_line.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "report.h"

static const char help[] = "usage: hakmem-run [option]... [--] command [argument]...\n"
                           "\n"
                           "Runs the command with hakmem in place of malloc, by preloading its library.\n"
                           "Where that would have no effect, it says why and runs nothing.\n"
                           "\n"
                           "  --set NAME=VALUE  set an option of hakmem; may be given several times\n"
                           "  --explain         say where memory is when the command ends, on standard error\n"
                           "  --library=PATH    preload this library instead of the installed one\n"
                           "  --check           only say whether the library would take effect\n"
                           "  --version         print the version\n"
                           "  --help            print this text\n"
                           "\n"
                           "Status: that of the command, or\n"
                           "  125  nothing was run: wrong usage, or the library would have no effect\n"
                           "  126  the command was found, but cannot be run\n"
                           "  127  the command was not found\n"
                           "\n"
                           "Example: hakmem-run --set dirty_min=64M -- make -j4\n";

enum option_value {
    OPTION_SET = 256, /* beyond the characters, which are unknown short options */
    OPTION_EXPLAIN,
    OPTION_LIBRARY,
    OPTION_CHECK,
    OPTION_VERSION,
    OPTION_HELP
};

static const struct option options[] = {
    {"set", required_argument, NULL, OPTION_SET},
    {"explain", no_argument, NULL, OPTION_EXPLAIN},
    {"library", required_argument, NULL, OPTION_LIBRARY},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

/* ---------------------------------------------------------------------------------------- options of hakmem ---- */

#define HAK_OPTION(name, kind, standard, min, max, words, when, sentence) #name,
static const char *const hakmem_options[] = {
#include "base/option.def"
};
#undef HAK_OPTION

#define HAK_OPTION(name, kind, standard, min, max, words, when, sentence) " " #name
static const char hakmem_option_names[] =
#include "base/option.def"
    ;
#undef HAK_OPTION

static const char *find_hakmem_option(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof hakmem_options / sizeof *hakmem_options; i++)
        if (strlen(hakmem_options[i]) == length && strncasecmp(hakmem_options[i], name, length) == 0)
            return hakmem_options[i];
    return NULL;
}

static void set(const char *text)
{
    size_t length = strcspn(text, "=");
    if (text[length] == '\0')
        stop(STATUS_REFUSED, "--set needs NAME=VALUE, not '%s'", text);
    const char *name = find_hakmem_option(text, length);
    if (name == NULL)
        stop(STATUS_REFUSED, "hakmem has no option '%.*s'; it has:%s", (int)length, text, hakmem_option_names);

    char variable[64] = "HAKMEM_";
    for (size_t i = 0, start = strlen(variable); name[i] != '\0' && start + i < sizeof variable - 1; i++)
        variable[start + i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i]);
    if (setenv(variable, text + length + 1, 1) != 0)
        stop(STATUS_REFUSED, "cannot set %s: %s", variable, strerror(errno));
}

/* ------------------------------------------------------------------------------------------ options of ours ---- */

__attribute__((noreturn)) static void print_and_exit(const char *text)
{
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0)
        stop(STATUS_REFUSED, "cannot write to standard output: %s", strerror(errno));
    exit(EXIT_SUCCESS);
}

/* `argument` is the one that getopt_long() stumbled over; of several short options in it only one may be unknown. */
__attribute__((noreturn)) static void stop_not_understood(const char *argument)
{
    if (optopt >= OPTION_SET)
        stop(STATUS_REFUSED, "option '%s' takes no value; try --help", argument);
    if (optopt != 0)
        stop(STATUS_REFUSED, "unknown option '-%c'; try --help", optopt);
    stop(STATUS_REFUSED, "unknown option '%s'; try --help", argument);
}

static void take(int option, struct command_line *line, const char *argument)
{
    switch (option) {
    case OPTION_SET:
        set(optarg);
        break;
    case OPTION_EXPLAIN:
        set("explain=exit");
        break;
    case OPTION_LIBRARY:
        line->library = optarg;
        break;
    case OPTION_CHECK:
        line->check = true;
        break;
    case OPTION_VERSION:
        print_and_exit("hakmem-run " HAKMEM_RUN_VERSION "\n");
    case OPTION_HELP:
        print_and_exit(help);
    case ':':
        stop(STATUS_REFUSED, "option '%s' needs a value; try --help", argument);
    default:
        stop_not_understood(argument);
    }
}

struct command_line command_line_read(int argc, char **argv)
{
    struct command_line line = {0};
    int option;
    while ((option = getopt_long(argc, argv, "+:", options, NULL)) != -1)
        take(option, &line, argv[optind - 1]);
    if (optind == argc)
        stop(STATUS_REFUSED, "no command given; try --help");
    line.command = argv + optind;
    return line;
}
