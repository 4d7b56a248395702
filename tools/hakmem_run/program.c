// SPDX-License-Identifier: MIT
#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "elf_symbols.h"
#include "find.h"
#include "privilege.h"
#include "report.h"
#include "script.h"

enum {
    SCRIPT_LEVELS_MAX = 4
};

struct program {
    char path[PATH_MAX];
    const char *script; /* what was given, if that is interpreted by this program; NULL: this is what was given */
};

/* ------------------------------------------------------------------------------------------------ messages ---- */

/* "PATH", or "PATH, the interpreter of SCRIPT,", for the beginning of a sentence. */
static const char *subject(const struct program *program)
{
    static char text[2 * PATH_MAX + 32];
    if (program->script == NULL)
        return program->path;
    snprintf(text, sizeof text, "%s, the interpreter of %s,", program->path, program->script);
    return text;
}

static const char *machine_name(unsigned machine)
{
    static char number[32];
    switch (machine) {
    case EM_X86_64:
        return "x86-64";
    case EM_AARCH64:
        return "AArch64";
    case EM_RISCV:
        return "RISC-V";
    case EM_PPC64:
        return "PowerPC 64";
    default:
        snprintf(number, sizeof number, "ELF machine %u", machine);
        return number;
    }
}

/* ------------------------------------------------------------------------------------------ where it stands ---- */

/* `script` is what `name` interprets, or NULL. A script whose interpreter is missing is there, but cannot be run. */
static void stop_unless_found(int error, const char *name, const char *script, enum status if_missing)
{
    bool searched = if_missing == STATUS_NOT_FOUND && strchr(name, '/') == NULL;
    const char *reason = error == ENOENT && searched ? "not found in PATH" : strerror(error);
    enum status status = error == ENOENT ? if_missing : STATUS_NOT_EXECUTABLE;
    if (error == 0)
        return;
    if (script == NULL)
        stop(status, "'%s': %s", name, reason);
    stop(status, "'%s', which interprets %s: %s", name, script, reason);
}

void program_find(const char *command, char path[PATH_MAX])
{
    stop_unless_found(find_command(command, path), command, NULL, STATUS_NOT_FOUND);
}

/* ------------------------------------------------------------------------------------------------- scripts ---- */

static void follow(struct program *program, const struct script *script)
{
    char path[PATH_MAX], command[SCRIPT_LINE_BYTES + 1];
    stop_unless_found(find_file(script->interpreter, path), script->interpreter, program->script,
                      STATUS_NOT_EXECUTABLE);
    if (script_interpreter_is_env(script)) {
        if (!script_env_command(script, command))
            stop(STATUS_REFUSED, "%s: cannot tell what '#!%s %s' runs; name its interpreter as the command",
                 program->path, script->interpreter, script->argument);
        stop_unless_found(find_command(command, path), command, program->script, STATUS_NOT_FOUND);
    }
    memcpy(program->path, path, sizeof path);
}

static void open_program(const struct program *program, struct file_bytes *bytes)
{
    if (!file_bytes_open(bytes, program->path))
        stop(STATUS_REFUSED, "%s cannot be read (%s), so it is not known whether the library would take effect",
             subject(program), strerror(errno));
}

/* Goes from a script to what interprets it, and so on, to a program; `bytes` are that program's. */
static void reach_program(struct program *program, struct file_bytes *bytes, const char *given)
{
    struct script script;
    open_program(program, bytes);
    for (int level = 0;; level++) {
        enum script_result result = script_read(&script, bytes);
        if (result == SCRIPT_NO_SCRIPT)
            return;
        if (result == SCRIPT_NO_INTERPRETER)
            stop(STATUS_NOT_EXECUTABLE, "%s names no interpreter behind '#!'", subject(program));
        if (level == SCRIPT_LEVELS_MAX)
            stop(STATUS_REFUSED, "%s is interpreted by a script of a script: only %d levels are followed", given,
                 SCRIPT_LEVELS_MAX);
        file_bytes_close(bytes);
        program->script = given;
        follow(program, &script);
        open_program(program, bytes);
    }
}

/* -------------------------------------------------------------------------------------------- the program ---- */

static bool is_for_machine_of(const struct program *program, const struct elf_file *elf, enum elf_result result,
                              const struct library *library)
{
    if (result == ELF_NOT_64_BIT)
        report("%s is a 32-bit program, the library is for 64 bits", subject(program));
    else if (result == ELF_BIG_ENDIAN)
        report("%s is a big-endian program, the library is little-endian", subject(program));
    else if (elf->header.e_machine != library->machine)
        report("%s is for another processor (%s) than the library", subject(program),
               machine_name(elf->header.e_machine));
    else
        return true;
    return false;
}

static void open_elf(const struct program *program, const struct file_bytes *bytes, struct elf_file *elf,
                     enum elf_result *result)
{
    *result = elf_file_open(elf, bytes);
    if (bytes->count == 0)
        stop(STATUS_NOT_EXECUTABLE, "%s is empty", subject(program));
    if (*result == ELF_NOT_ELF)
        stop(STATUS_NOT_EXECUTABLE, "%s is neither an ELF program nor a script that begins with '#!'",
             subject(program));
    if (*result == ELF_DAMAGED)
        stop(STATUS_NOT_EXECUTABLE, "%s is a damaged or incomplete ELF file", subject(program));
}

static bool is_dynamic(const struct program *program, const struct elf_file *elf)
{
    uint64_t position = 0;
    if (elf->interpreter != NULL && elf_file_next_needed(elf, &position) != NULL)
        return true;
    report("%s is statically linked, so no loader reads LD_PRELOAD for its malloc", subject(program));
    return false;
}

static bool leaves_malloc_to_others(const struct program *program, const struct elf_file *elf)
{
    if (!elf_symbols_export(elf, "malloc") && !elf_symbols_contain(elf, "malloc"))
        return true;
    report("%s defines malloc itself, which goes before any preloaded one", subject(program));
    return false;
}

static bool has_c_library_of(const struct program *program, const struct elf_file *elf, const struct library *library)
{
    enum c_library own = c_library_of(elf);
    if (own == library->c_library || own == C_LIBRARY_UNKNOWN || library->c_library == C_LIBRARY_UNKNOWN)
        return true;
    report("%s uses %s, the library is built for %s", subject(program), c_library_name(own),
           c_library_name(library->c_library));
    return false;
}

static bool keeps_rights(const struct program *program)
{
    const char *privilege = privilege_of(program->path);
    if (privilege == NULL)
        return true;
    report("%s %s, so the loader ignores LD_PRELOAD", subject(program), privilege);
    return false;
}

/* A static program has its own malloc, and no C library to compare. */
static bool elf_takes_library(const struct program *program, const struct elf_file *elf, const struct library *library)
{
    if (!is_dynamic(program, elf))
        return false;
    bool takes = leaves_malloc_to_others(program, elf);
    if (!has_c_library_of(program, elf, library))
        return false;
    if (takes && access(elf->interpreter, X_OK) != 0)
        stop(STATUS_NOT_EXECUTABLE, "%s needs the loader %s: %s", subject(program), elf->interpreter, strerror(errno));
    return takes;
}

bool program_takes_library(const char *path, const struct library *library)
{
    struct program program = {0};
    struct file_bytes bytes;
    struct elf_file elf;
    enum elf_result result;
    snprintf(program.path, sizeof program.path, "%s", path);
    reach_program(&program, &bytes, path);
    open_elf(&program, &bytes, &elf, &result);
    bool keeps = keeps_rights(&program);
    bool takes = is_for_machine_of(&program, &elf, result, library) && elf_takes_library(&program, &elf, library);
    file_bytes_close(&bytes);
    return keeps && takes;
}
