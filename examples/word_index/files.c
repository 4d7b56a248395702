// SPDX-License-Identifier: MIT
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "array.h"
#include "memory.h"

static bool add_directory(struct file_list *list, const char *directory);

static char *join(const char *directory, const char *name)
{
    const size_t directory_length = strlen(directory);
    const size_t name_bytes = strlen(name) + 1;
    char *path = memory_alloc(directory_length + 1 + name_bytes);
    if (path == NULL)
        return NULL;
    memcpy(path, directory, directory_length);
    path[directory_length] = '/';
    memcpy(path + directory_length + 1, name, name_bytes);
    return path;
}

/* The list keeps a copy of its own. */
static bool add_file(struct file_list *list, const char *path)
{
    char **paths = array_with_room(list->paths, list->count, &list->capacity, sizeof *paths);
    if (paths == NULL)
        return false;
    list->paths = paths;

    char *copy = memory_strndup(path, strlen(path));
    if (copy == NULL)
        return false;
    paths[list->count++] = copy;
    return true;
}

static bool add_by_mode(struct file_list *list, const char *path, mode_t mode)
{
    if (S_ISREG(mode))
        return add_file(list, path);
    return !S_ISDIR(mode) || add_directory(list, path);
}

static bool add_entry(struct file_list *list, const char *directory, const char *name)
{
    char *path = join(directory, name);
    if (path == NULL)
        return false;

    bool added = true;
    struct stat status;
    if (lstat(path, &status) == 0)
        added = add_by_mode(list, path, status.st_mode);
    else
        list->unreadable_count++;
    memory_free(path);
    return added;
}

static bool add_directory(struct file_list *list, const char *directory)
{
    DIR *stream = opendir(directory);
    if (stream == NULL) {
        list->unreadable_count++;
        return true;
    }
    bool added = true;
    const struct dirent *entry;
    while (added && (entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] != '.')
            added = add_entry(list, directory, entry->d_name);
    }
    closedir(stream);
    if (!added)
        errno = ENOMEM;
    return added;
}

bool file_list_add(struct file_list *list, const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && add_by_mode(list, path, status.st_mode);
}

void file_list_clear(struct file_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        memory_free(list->paths[i]);
    memory_free(list->paths);
    *list = (struct file_list){0};
}
