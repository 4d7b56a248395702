// SPDX-License-Identifier: MIT
// What is written to standard error, each write by itself: a socket keeps their bounds.
#ifndef HAKMEM_TEST_BASE_STDERR_WRITES_H
#define HAKMEM_TEST_BASE_STDERR_WRITES_H

#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

namespace hak_test {

class StderrWrites {
public:
    StderrWrites()
    {
        fflush(stderr);
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_) != 0) {
            throw std::runtime_error("no socket");
        }
        saved_ = dup(STDERR_FILENO);
        dup2(ends_[1], STDERR_FILENO);
    }

    ~StderrWrites()
    {
        restore();
        close(ends_[0]);
    }

    StderrWrites(const StderrWrites &) = delete;
    StderrWrites &operator=(const StderrWrites &) = delete;

    /** All writes so far; standard error is what it was again. */
    std::vector<std::string> finish()
    {
        restore();
        std::vector<std::string> writes;
        char buffer[4096];
        for (ssize_t length; (length = recv(ends_[0], buffer, sizeof buffer, MSG_DONTWAIT)) > 0;) {
            writes.emplace_back(buffer, static_cast<size_t>(length));
        }
        return writes;
    }

private:
    void restore()
    {
        if (saved_ >= 0) {
            dup2(saved_, STDERR_FILENO);
            close(saved_);
            close(ends_[1]);
            saved_ = -1;
        }
    }

    int ends_[2] = {-1, -1};
    int saved_ = -1;
};

} // namespace hak_test

#endif
