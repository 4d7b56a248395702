// SPDX-License-Identifier: MIT
#include "script.h"

#include <string.h>

static const char blanks[] = " \t";

/* Of a part of the line, for which there is room everywhere. */
static void copy(char *to, const char *text)
{
    memcpy(to, text, strlen(text) + 1);
}

static void trim_end(char *text)
{
    size_t length = strlen(text);
    while (length != 0 && strchr(blanks, text[length - 1]) != NULL)
        text[--length] = '\0';
}

/* Takes the word at the beginning of `text` and gives what follows the blanks behind it. */
static const char *take_word(const char *text, char *word)
{
    size_t length = strcspn(text, blanks);
    memcpy(word, text, length);
    word[length] = '\0';
    return text + length + strspn(text + length, blanks);
}

enum script_result script_read(struct script *script, const struct file_bytes *file)
{
    char line[SCRIPT_LINE_BYTES + 1] = {0};
    size_t count = file->count < SCRIPT_LINE_BYTES ? (size_t)file->count : SCRIPT_LINE_BYTES;
    if (!file_bytes_read(file, 0, line, count) || strncmp(line, "#!", 2) != 0)
        return SCRIPT_NO_SCRIPT;
    size_t length = strcspn(line, "\n");
    bool cut = length == SCRIPT_LINE_BYTES;
    line[length] = '\0';
    const char *text = line + 2 + strspn(line + 2, blanks);
    if (*text == '\0' || (cut && strpbrk(text, blanks) == NULL))
        return SCRIPT_NO_INTERPRETER;
    text = take_word(text, script->interpreter);
    copy(script->argument, text);
    trim_end(script->argument);
    return SCRIPT_GOOD;
}

bool script_interpreter_is_env(const struct script *script)
{
    const char *slash = strrchr(script->interpreter, '/');
    return strcmp(slash == NULL ? script->interpreter : slash + 1, "env") == 0;
}

/* Steps over the variables that `env -S` sets, to the command. */
static bool take_split_command(const char *text, char *command)
{
    text += strspn(text, blanks);
    do {
        text = take_word(text, command);
        if (strncmp(command, "LD_PRELOAD=", 11) == 0 || strpbrk(command, "'\"\\$#") != NULL)
            return false;
    } while (strchr(command, '=') != NULL);
    return *command != '\0' && *command != '-';
}

bool script_env_command(const struct script *script, char command[SCRIPT_LINE_BYTES + 1])
{
    static const char *const splits[] = {"-S", "--split-string="};
    const char *argument = script->argument;
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++)
        if (strncmp(argument, splits[i], strlen(splits[i])) == 0)
            return take_split_command(argument + strlen(splits[i]), command);
    copy(command, argument);
    return *command != '\0' && *command != '-' && strchr(command, '=') == NULL;
}
