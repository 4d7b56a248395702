// SPDX-License-Identifier: MIT
// One death per mistake: misuse_child commits it in a process of its own; here its last words are read.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace {

struct Mistake {
    std::string call, name, block, who;
    std::string kind;  // what the line must call it: an extended regular expression
    bool at_once;      // named by the wrong call itself, not only by the process's end
    bool full = false; // with HAKMEM_CHECK=full
};

constexpr int HANG_MS = 20000;

struct Outcome {
    int status = 0;
    std::string output;
    std::vector<std::string> error_writes; // what each single write() to standard error wrote

    std::string address() const
    {
        size_t start = output.find("address ");
        return start == std::string::npos ? "" : output.substr(start + 8, output.find('\n', start) - start - 8);
    }
    bool survived() const { return output.find("survived") != std::string::npos; }
};

/* ------------------------------------------------------------------------------------------- running one ---- */

/** A pipe each of whose reads gives what one write wrote. */
struct PacketPipe {
    PacketPipe()
    {
        if (pipe2(ends, O_DIRECT | O_CLOEXEC) != 0) {
            abort();
        }
    }
    ~PacketPipe()
    {
        close(ends[0]);
        close_write_end();
    }
    void close_write_end()
    {
        if (ends[1] >= 0) {
            close(ends[1]);
        }
        ends[1] = -1;
    }
    std::string read_packet() const
    {
        char text[PIPE_BUF];
        ssize_t length = read(ends[0], text, sizeof text);
        return std::string(text, length > 0 ? static_cast<size_t>(length) : 0);
    }
    int ends[2];
};

std::vector<char *> environment(bool full)
{
    static char option[] = "HAKMEM_CHECK=full";
    std::vector<char *> variables;
    for (char **variable = environ; *variable != nullptr; variable++) {
        if (strncmp(*variable, "HAKMEM_CHECK=", 13) != 0) {
            variables.push_back(*variable);
        }
    }
    if (full) {
        variables.push_back(option);
    }
    variables.push_back(nullptr);
    return variables;
}

Outcome run_child(const Mistake &mistake)
{
    PacketPipe output, error;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output.ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, error.ends[1], STDERR_FILENO);
    std::string words[] = {HAKMEM_MISUSE_CHILD, mistake.call, mistake.name, mistake.block, mistake.who};
    char *arguments[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), words[4].data(), nullptr};
    pid_t child = -1;
    int failed = posix_spawn(&child, arguments[0], &actions, nullptr, arguments, environment(mistake.full).data());
    posix_spawn_file_actions_destroy(&actions);
    EXPECT_EQ(failed, 0) << strerror(failed);
    output.close_write_end();
    error.close_write_end();

    Outcome outcome;
    pollfd files[] = {{output.ends[0], POLLIN, 0}, {error.ends[0], POLLIN, 0}};
    while (files[0].fd >= 0 || files[1].fd >= 0) {
        if (poll(files, 2, HANG_MS) == 0) {
            ADD_FAILURE() << "the child hangs";
            kill(child, SIGKILL);
        }
        for (pollfd &file : files) {
            if (file.revents == 0) {
                continue;
            }
            std::string packet = (&file == files ? output : error).read_packet();
            if (packet.empty()) {
                file.fd = -1;
            } else if (&file == files) {
                outcome.output += packet;
            } else {
                outcome.error_writes.push_back(packet);
            }
        }
    }
    waitpid(child, &outcome.status, 0);
    return outcome;
}

/** Whether a part of the text is what the extended regular expression describes. */
bool matches(const std::string &text, const std::string &expression)
{
    regex_t compiled;
    if (regcomp(&compiled, expression.c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
        abort();
    }
    bool found = regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
    regfree(&compiled);
    return found;
}

/* ------------------------------------------------------------------------------------------- the mistakes ---- */

const char *const ANY = "";
const std::vector<std::string> CALLS = {"free",    "free_sized",      "free_aligned", "free_batch",
                                        "realloc", "realloc_smaller", "reallocarray", "usable_size"};
const std::vector<std::string> KINDS = {"tiny", "tiny1024", "pool", "pool_big", "large"};
const std::vector<std::string> OWNERS = {"same", "other", "ended"};

void add_interior(std::vector<Mistake> &all)
{
    for (const std::string &kind : KINDS) {
        for (const std::string &who : OWNERS) {
            for (const char *name : {"interior_1", "interior_8", "interior_16", "interior_middle", "interior_last"}) {
                all.push_back({"free", name, kind, who, "interior pointer", true});
            }
        }
        for (const std::string &call : CALLS) {
            all.push_back({call, "interior_1", kind, "same", "interior pointer", true});
            all.push_back({call, "interior_16", kind, "other", "interior pointer", true});
        }
    }
    for (const std::string &call : CALLS) {
        all.push_back({call, "interior_unit", "pool_big", "same", "interior pointer", true});
        all.push_back({call, "interior_unit", "large", "ended", "interior pointer", true});
    }
}

void add_foreign(std::vector<Mistake> &all)
{
    for (const char *name :
         {"value_1", "value_15", "value_16", "value_4096", "value_top_of_user", "value_last_user_page",
          "value_not_canonical", "value_high_bit", "value_kernel", "value_text", "value_all_ones", "value_minus_16",
          "foreign_stack", "foreign_global", "foreign_code", "foreign_malloc", "foreign_malloc_large",
          "foreign_mapping", "foreign_unmapped"}) {
        all.push_back({"free", name, "none", "same", "foreign pointer", true});
        all.push_back({"free", name, "tiny", "same", "foreign pointer", true});
        all.push_back({"free", name, "tiny", "other", "foreign pointer", true});
        for (const char *call : {"free_sized", "free_aligned", "free_batch", "realloc", "usable_size"}) {
            all.push_back({call, name, "tiny", "same", "foreign pointer", true});
        }
    }
    for (const std::string &call : CALLS) {
        all.push_back({call, "value_15", "none", "same", "foreign pointer", true});
        all.push_back({call, "value_high_bit", "none", "other", "foreign pointer", true});
    }
}

void add_never_allocated(std::vector<Mistake> &all)
{
    for (const std::string &call : CALLS) {
        for (const char *kind : {"tiny", "pool", "large"}) {
            all.push_back({call, "never_committed", kind, "same", "never allocated", true});
            all.push_back({call, "never_in_a_span", kind, "same", "never allocated", true});
        }
        all.push_back({call, "never_committed", "tiny", "other", "never allocated", true});
    }
    for (const char *kind : {"tiny", "pool", "pool_big", "large"}) {
        for (const char *call : {"free", "realloc", "usable_size"}) {
            all.push_back({call, "released_and_purged", kind, "same", "(double free|never allocated)", true});
        }
    }
    all.push_back({"free", "never_carved", "tiny", "same", "never allocated", false});
    for (const char *call : {"realloc", "realloc_smaller", "reallocarray", "usable_size"}) {
        all.push_back({call, "never_carved", "tiny", "same", "never allocated", true});
    }
}

void add_double_frees(std::vector<Mistake> &all)
{
    for (const std::string &kind : KINDS) {
        bool large = kind == "large";
        for (const std::string &who : OWNERS) {
            // A heap without a thread may collect the first free before the second comes.
            bool at_once = large || who != "ended";
            all.push_back({"free", "double_at_once", kind, who, "double free", at_once});
            all.push_back({"free", "double_second", kind, who, "double free", at_once});
            for (const char *name :
                 {"double_until_exit", "double_until_flush", "double_until_thread_end", "double_far_apart",
                  "double_published", "double_by_a_third", "double_owner_then_remote"}) {
                all.push_back({"free", name, kind, who, "double free", large});
            }
        }
        for (const char *who : {"same", "other"}) {
            all.push_back({"free", "double_remote_then_owner", kind, who, "double free", large});
        }
        for (const std::string &call : CALLS) {
            all.push_back({call, "double_at_once", kind, "same", "double free", true});
            all.push_back({call, "double_second", kind, "same", "double free", true});
        }
    }
}

void add_wrong_sizes(std::vector<Mistake> &all)
{
    for (const std::string &kind : KINDS) {
        for (const std::string &who : OWNERS) {
            all.push_back({"free_sized", "wrong_size_next_class", kind, who, "wrong size class", true});
            all.push_back({"free_sized", "wrong_size_half", kind, who, "wrong size class", true});
            all.push_back({"free_aligned", "wrong_alignment", kind, who, "wrong alignment", true});
        }
        for (const char *name :
             {"wrong_size_double", "wrong_size_other_kind", "wrong_size_zero", "wrong_size_all_ones"}) {
            all.push_back({"free_sized", name, kind, "same", "wrong size class", true});
            all.push_back({"free_aligned", name, kind, "same", "wrong size class", true});
        }
        all.push_back({"free_aligned", "wrong_alignment_zero", kind, "same", "wrong alignment", true});
        all.push_back({"free_aligned", "wrong_alignment_24", kind, "same", "wrong alignment", true});
    }
}

std::string title(const Mistake &mistake)
{
    return mistake.name + "_" + mistake.block + "_" + mistake.who + "_by_" + mistake.call;
}

/** For GoogleTest, which prints parameters. */
void PrintTo(const Mistake &mistake, std::ostream *stream)
{
    *stream << title(mistake) << (mistake.full ? " (HAKMEM_CHECK=full)" : "");
}

std::vector<Mistake> without_repeats(const std::vector<Mistake> &all)
{
    std::vector<Mistake> once;
    std::set<std::string> titles;
    for (const Mistake &mistake : all) {
        if (titles.insert(title(mistake)).second) {
            once.push_back(mistake);
        }
    }
    return once;
}

std::vector<Mistake> ordinary()
{
    std::vector<Mistake> all;
    add_interior(all);
    add_foreign(all);
    add_never_allocated(all);
    add_double_frees(all);
    add_wrong_sizes(all);
    return without_repeats(all);
}

/** With every check on, each mistake is named by the wrong call itself: those found late otherwise, some of the others.
 */
std::vector<Mistake> checked_in_full()
{
    std::vector<Mistake> all;
    for (Mistake mistake : ordinary()) {
        bool one_of_the_others =
            mistake.who == "same" && (mistake.block == "tiny" || mistake.block == "large") &&
            (mistake.call == "free" || mistake.call == "free_sized" || mistake.call == "usable_size");
        if (!mistake.at_once || one_of_the_others) {
            mistake.full = mistake.at_once = true;
            all.push_back(mistake);
        }
    }
    return all;
}

std::vector<Mistake> honest()
{
    std::vector<Mistake> all;
    for (bool full : {false, true}) {
        for (const std::string &kind : KINDS) {
            for (const char *who : {"same", "other"}) {
                all.push_back({full ? "free_batch" : "free", "honest", kind, who, ANY, false, full});
            }
        }
    }
    return all;
}

class FrontMisuse : public testing::TestWithParam<Mistake> {};
class FrontHonesty : public testing::TestWithParam<Mistake> {};

std::string title_of(const testing::TestParamInfo<Mistake> &info)
{
    return title(info.param);
}

} // namespace

TEST_P(FrontMisuse, IsNamedInOneLineAndEndsTheProcess)
{
    const Mistake &mistake = GetParam();
    Outcome outcome = run_child(mistake);
    if (outcome.address().empty()) {
        GTEST_SKIP() << outcome.output;
    }
    EXPECT_TRUE(WIFSIGNALED(outcome.status) && WTERMSIG(outcome.status) == SIGABRT) << "status " << outcome.status;
    ASSERT_EQ(outcome.error_writes.size(), 1u) << "writes to standard error; output: " << outcome.output;
    const std::string &line = outcome.error_writes[0];
    EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
    EXPECT_TRUE(matches(line, "^hakmem: " + mistake.kind + ": 0x" + outcome.address() + "[^0-9a-f]")) << line;
    EXPECT_FALSE(mistake.at_once && outcome.survived()) << "found late: " << line;
    if (mistake.kind.find("interior") == 0 || mistake.kind.find("wrong") == 0) {
        EXPECT_TRUE(matches(line, "[0-9]+-byte class, owned by heap [0-9]|large block of [0-9]+ bytes")) << line;
    }
}

TEST_P(FrontHonesty, IsNeverReported)
{
    Outcome outcome = run_child(GetParam());
    EXPECT_TRUE(WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) == 0) << "status " << outcome.status;
    EXPECT_NE(outcome.output.find("ended"), std::string::npos);
    EXPECT_TRUE(outcome.error_writes.empty()) << outcome.error_writes[0];
}

INSTANTIATE_TEST_SUITE_P(Ordinary, FrontMisuse, testing::ValuesIn(ordinary()), title_of);
INSTANTIATE_TEST_SUITE_P(CheckedInFull, FrontMisuse, testing::ValuesIn(checked_in_full()), title_of);
INSTANTIATE_TEST_SUITE_P(Some, FrontHonesty, testing::ValuesIn(honest()), title_of);
