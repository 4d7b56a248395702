// SPDX-License-Identifier: MIT
#include "file_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool map(struct file_bytes *file, int descriptor)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return false;
    if (!S_ISREG(status.st_mode)) {
        errno = EACCES;
        return false;
    }
    *file = (struct file_bytes){0};
    if (status.st_size == 0)
        return true;
    void *start = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (start == MAP_FAILED)
        return false;
    *file = (struct file_bytes){start, (uint64_t)status.st_size};
    return true;
}

bool file_bytes_open(struct file_bytes *file, const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0)
        return false;
    bool mapped = map(file, descriptor);
    int error = errno;
    close(descriptor);
    errno = error;
    return mapped;
}

void file_bytes_close(struct file_bytes *file)
{
    if (file->start != NULL)
        munmap((void *)file->start, (size_t)file->count);
    *file = (struct file_bytes){0};
}

bool file_bytes_read(const struct file_bytes *file, uint64_t offset, void *into, size_t size)
{
    if (offset > file->count || size > file->count - offset)
        return false;
    if (size != 0)
        memcpy(into, file->start + offset, size);
    return true;
}

const char *file_bytes_string(const struct file_bytes *file, uint64_t offset)
{
    if (offset >= file->count || memchr(file->start + offset, '\0', (size_t)(file->count - offset)) == NULL)
        return NULL;
    return (const char *)file->start + offset;
}

bool file_bytes_hold(const struct file_bytes *file, uint64_t offset, const char *text)
{
    size_t size = strlen(text) + 1;
    return offset <= file->count && size <= file->count - offset && memcmp(file->start + offset, text, size) == 0;
}
