// SPDX-License-Identifier: MIT
// What a C++ program does with the package. Argument: the version that the package says it is.
#include <hakmem/hakmem.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace {

class Block {
public:
    explicit Block(void *block) : block_(block) {}
    Block(const Block &) = delete;
    Block &operator=(const Block &) = delete;
    ~Block() { hak_free(block_); }
    void *get() const { return block_; }

private:
    void *block_;
};

bool use_blocks()
{
    Block text(hak_strdup("hakmem"));
    Block aligned(hak_aligned_alloc(4096, 100));
    return text.get() != nullptr && std::strcmp(static_cast<char *>(text.get()), "hakmem") == 0 &&
           hak_owns(text.get()) && aligned.get() != nullptr &&
           reinterpret_cast<std::uintptr_t>(aligned.get()) % 4096 == 0;
}

} // namespace

int main(int argc, char **argv)
{
    const char *package_version = argc > 1 ? argv[1] : "unknown";
    std::printf("package %s, library %s\n", package_version, hak_version());
    return std::strcmp(package_version, hak_version()) == 0 && use_blocks() ? 0 : 1;
}
