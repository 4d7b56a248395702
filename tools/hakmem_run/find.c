// SPDX-License-Identifier: MIT
#include "find.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char standard_path[] = "/bin:/usr/bin"; /* what execvp() takes without PATH */

static int can_be_run(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return errno;
    if (S_ISDIR(status.st_mode))
        return EISDIR;
    if (!S_ISREG(status.st_mode))
        return EACCES;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

int find_file(const char *name, char path[PATH_MAX])
{
    if (*name == '\0')
        return ENOENT;
    if (snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
        return ENAMETOOLONG;
    return can_be_run(path);
}

/* An empty folder is the current one. */
static int find_in(const char *folder, size_t length, const char *name, char path[PATH_MAX])
{
    if (length == 0) {
        folder = ".";
        length = 1;
    }
    if (length >= PATH_MAX || snprintf(path, PATH_MAX, "%.*s/%s", (int)length, folder, name) >= PATH_MAX)
        return ENAMETOOLONG;
    return can_be_run(path);
}

/* A file that cannot be run does not end the search, but is what is told when there is none that can. */
int find_command(const char *name, char path[PATH_MAX])
{
    if (*name == '\0' || strchr(name, '/') != NULL)
        return find_file(name, path);
    const char *folder = getenv("PATH");
    if (folder == NULL)
        folder = standard_path;
    int result = ENOENT;
    for (;;) {
        size_t length = strcspn(folder, ":");
        int error = find_in(folder, length, name, path);
        if (error == 0)
            return 0;
        if (error != ENOENT && error != ENOTDIR)
            result = error;
        if (folder[length] == '\0')
            return result;
        folder += length + 1;
    }
}
