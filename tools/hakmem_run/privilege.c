// SPDX-License-Identifier: MIT
#include "privilege.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

static bool mount_ignores_rights(const char *path)
{
    struct statvfs volume;
    return statvfs(path, &volume) == 0 && (volume.f_flag & ST_NOSUID) != 0;
}

/* A real user root has all capabilities anyway, so those of a file raise nothing. */
static bool raises_capabilities(const char *path)
{
    return getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

/* Set-group-ID without the right to execute for the group stands for mandatory locks. */
static bool changes_group(const struct stat *status)
{
    return (status->st_mode & S_ISGID) != 0 && (status->st_mode & S_IXGRP) != 0 && status->st_gid != getgid();
}

static bool changes_user(const struct stat *status)
{
    return (status->st_mode & S_ISUID) != 0 && status->st_uid != getuid();
}

const char *privilege_of(const char *path)
{
    struct stat status;
    if (geteuid() != getuid() || getegid() != getgid())
        return "would start with other rights than the user's own, as hakmem-run did";
    if (stat(path, &status) != 0 || mount_ignores_rights(path))
        return NULL;
    if (raises_capabilities(path))
        return "has file capabilities";
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        return NULL;
    if (changes_user(&status))
        return "is set-user-ID for another user";
    return changes_group(&status) ? "is set-group-ID for another group" : NULL;
}
