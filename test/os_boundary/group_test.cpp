// SPDX-License-Identifier: MIT
// The memory of control groups, read below a folder that stands for the root of the system.
#include "os_boundary/os_boundary.h"
#include "os_boundary/os_private.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

constexpr size_t MiB = 1024 * 1024;

/** What version 1 says where there is no limit. */
const char *const UNLIMITED = "9223372036854771712\n";

/** A folder of its own, in which the test writes what the kernel would. */
class OsGroup : public testing::Test {
protected:
    OsGroup()
    {
        char name[] = "/tmp/hakmem_group_XXXXXX";
        root_ = mkdtemp(name);
    }
    ~OsGroup() override { std::filesystem::remove_all(root_); }

    void write(const std::string &path, const std::string &content) const
    {
        std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
        std::ofstream(root_ + path) << content;
    }
    void groups(const std::string &lines) const { write("/proc/self/cgroup", lines); }
    void mounts(const std::string &lines) const
    {
        write("/proc/self/mountinfo",
              "21 26 0:19 / /sys rw,nosuid - sysfs sysfs rw\n" + lines + "40 26 8:1 / /home rw - ext4 /dev/sda rw\n");
    }
    void mount_2(const std::string &seen = "/", const std::string &place = "/sys/fs/cgroup") const
    {
        mounts("30 21 0:26 " + seen + " " + place + " rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate\n");
    }
    void mount_1(const std::string &seen = "/", const std::string &place = "/sys/fs/cgroup/memory") const
    {
        mounts("33 25 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
               "34 25 0:29 " +
               seen + " " + place + " rw,nosuid - cgroup cgroup rw,memory\n");
    }
    size_t limit() const { return hak_i_os_group_at(root_.c_str()).limit_bytes; }
    size_t used() const { return hak_i_os_group_at(root_.c_str()).used_bytes; }

    std::string root_;
};

} // namespace

TEST_F(OsGroup, IsNoneWhereThereAreNoGroups)
{
    EXPECT_EQ(limit(), SIZE_MAX);
    groups("");
    EXPECT_EQ(limit(), SIZE_MAX);
    groups("0::/\n");
    EXPECT_EQ(limit(), SIZE_MAX);
}

TEST_F(OsGroup, ReadsVersion2)
{
    groups("0::/work/web\n");
    mount_2();
    EXPECT_EQ(limit(), SIZE_MAX);
    write("/sys/fs/cgroup/work/web/memory.max", "268435456\n");
    EXPECT_EQ(limit(), 256 * MiB);
    write("/sys/fs/cgroup/work/web/memory.max", "max\n");
    EXPECT_EQ(limit(), SIZE_MAX);
}

TEST_F(OsGroup, ReadsVersion1)
{
    groups("9:name=systemd:/\n8:cpu,cpuacct:/other\n4:memory:/work/web\n0::/\n");
    mount_1();
    EXPECT_EQ(limit(), SIZE_MAX);
    write("/sys/fs/cgroup/memory/work/web/memory.limit_in_bytes", "268435456\n");
    write("/sys/fs/cgroup/cpu/other/memory.limit_in_bytes", "1\n");
    EXPECT_EQ(limit(), 256 * MiB);
}

TEST_F(OsGroup, TakesTheLeastOfAllGroupsAbove)
{
    groups("0::/a/b/c\n");
    mount_2();
    write("/sys/fs/cgroup/a/b/c/memory.max", "max\n");
    write("/sys/fs/cgroup/a/b/memory.max", "104857600\n");
    write("/sys/fs/cgroup/a/memory.max", "52428800\n");
    EXPECT_EQ(limit(), 50 * MiB);
    write("/sys/fs/cgroup/a/b/c/memory.max", "10485760\n");
    EXPECT_EQ(limit(), 10 * MiB);
    write("/sys/fs/cgroup/memory.max", "1048576\n"); // as in a name space of its own
    EXPECT_EQ(limit(), 1 * MiB);
    write("/sys/fs/memory.max", "4096\n");
    EXPECT_EQ(limit(), 1 * MiB) << "outside the hierarchy";
}

TEST_F(OsGroup, TakesTheLeastOfBothVersions)
{
    groups("4:memory:/a\n0::/b\n");
    mounts("30 21 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
           "34 25 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    write("/sys/fs/cgroup/unified/b/memory.max", "20971520\n");
    write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "31457280\n");
    EXPECT_EQ(limit(), 20 * MiB);
    write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "10485760\n");
    EXPECT_EQ(limit(), 10 * MiB);
}

TEST_F(OsGroup, FindsAGroupThatAContainerSeesAsTheTop)
{
    groups("4:memory:/docker/0123\n");
    mount_1("/docker/0123");
    write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "10485760\n");
    EXPECT_EQ(limit(), 10 * MiB);
    groups("4:memory:/docker/0123/inner\n");
    write("/sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "5242880\n");
    EXPECT_EQ(limit(), 5 * MiB);
}

TEST_F(OsGroup, TakesWhatIsSeenForAGroupThatIsNot)
{
    write("/sys/fs/cgroup/memory.max", "10485760\n");
    mount_2("/docker/0123");
    for (const char *line : {"0::/docker/01234\n", "0::/../other\n", "0::/\n", "0::/docker\n"}) {
        groups(line);
        EXPECT_EQ(limit(), 10 * MiB) << line;
    }
    write("/sys/fs/cgroup4/memory.max", "4096\n");
    groups("0::/docker/01234\n");
    EXPECT_EQ(limit(), 10 * MiB);
    write("/sys/fs/other/memory.max", "4096\n");
    groups("0::/../other\n");
    mount_2();
    EXPECT_EQ(limit(), 10 * MiB);
}

TEST_F(OsGroup, FindsWhereGroupsAreMounted)
{
    groups("0::/a\n");
    mount_2("/", "/dev/my\\040cgroups\\134");
    write("/dev/my cgroups\\/a/memory.max", "10485760\n");
    write("/sys/fs/cgroup/a/memory.max", "4096\n");
    EXPECT_EQ(limit(), 10 * MiB);
}

TEST_F(OsGroup, PrefersThePlaceWhereTheGroupIsSeen)
{
    groups("0::/a/b\n");
    mounts("30 21 0:26 /c /other rw - cgroup2 cgroup2 rw\n"
           "31 21 0:26 /a /place rw - cgroup2 cgroup2 rw\n"
           "32 21 0:26 /d /last rw - cgroup2 cgroup2 rw\n");
    write("/other/memory.max", "1\n");
    write("/last/memory.max", "2\n");
    write("/place/b/memory.max", "10485760\n");
    EXPECT_EQ(limit(), 10 * MiB);
}

TEST_F(OsGroup, LooksAtTheUsualPlacesWithoutATableOfMounts)
{
    write("/sys/fs/cgroup/memory.max", "10485760\n");
    write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "5242880\n");
    groups("0::/\n");
    EXPECT_EQ(limit(), 10 * MiB);
    groups("3:cpu,memory:/a\n");
    EXPECT_EQ(limit(), 5 * MiB);
}

TEST_F(OsGroup, TakesNothingElseForALimit)
{
    groups("0::/\n");
    mount_2();
    for (const char *text : {"", "\n", "max", " 4096\n", "-1\n", "4096K\n", "4096 \n", "0x1000\n", "four\n",
                             "99999999999999999999999999\n"}) {
        write("/sys/fs/cgroup/memory.max", text);
        EXPECT_EQ(limit(), SIZE_MAX) << '"' << text << '"';
    }
    for (const char *text : {"4096\n", "4096", "4096\n1\n", "004096\n"}) {
        write("/sys/fs/cgroup/memory.max", text);
        EXPECT_EQ(limit(), 4096u) << '"' << text << '"';
    }
}

TEST_F(OsGroup, TellsWhatTheGroupUses)
{
    groups("0::/a/b\n");
    mount_2();
    EXPECT_EQ(used(), SIZE_MAX);
    write("/sys/fs/cgroup/a/memory.current", "30000000\n");
    EXPECT_EQ(used(), 30000000u) << "its own is not told";
    write("/sys/fs/cgroup/a/b/memory.current", "10000000\n");
    EXPECT_EQ(used(), 10000000u);
    groups("4:memory:/a/b\n0::/\n");
    mount_1();
    write("/sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", "20000000\n");
    EXPECT_EQ(used(), 20000000u);
}

TEST_F(OsGroup, TellsWhatTheGroupUsesThatLimitsIt)
{
    groups("0::/a/b\n");
    mount_2();
    write("/sys/fs/cgroup/a/b/memory.current", "10000000\n");
    write("/sys/fs/cgroup/a/b/memory.max", "104857600\n");
    write("/sys/fs/cgroup/a/memory.current", "30000000\n");
    write("/sys/fs/cgroup/a/memory.max", "209715200\n");
    EXPECT_EQ(used(), 10000000u);
    write("/sys/fs/cgroup/a/memory.max", "52428800\n");
    EXPECT_EQ(limit(), 50 * MiB);
    EXPECT_EQ(used(), 30000000u);
}

TEST_F(OsGroup, SurvivesGarbage)
{
    const std::string longer(5000, 'x');
    write("/sys/fs/cgroup/memory.max", "4096\n");
    write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "4096\n");
    for (const std::string &line : {std::string(":"), std::string("::"), std::string("4:cpu"), longer,
                                    std::string("0:cpu:/"), std::string("4:mem,memory2:/"), std::string(100, ':')}) {
        groups(line + "\n\n");
        EXPECT_EQ(limit(), SIZE_MAX) << line;
    }
    groups("0::/" + longer + "\n0::/\n");
    for (const std::string &line : {std::string(), std::string("-"), std::string("1 2 3 4 5 6 - cgroup2"),
                                    std::string("1 2 3 4 5 - cgroup2 x"), longer, std::string("- - - - - - - - - -")}) {
        mounts(line + "\n");
        EXPECT_EQ(limit(), 4096u) << line;
    }
    mounts("30 21 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw," + longer + "\n");
    EXPECT_EQ(limit(), 4096u);
}

TEST_F(OsGroup, ReadsLinesOfAnyLength)
{
    mount_2();
    write("/sys/fs/cgroup/a/memory.max", "4096\n");
    for (size_t length : {2030, 2040, 2041, 2042, 2043, 2044, 2045, 2046, 2047, 2048, 2049, 4094, 4095, 4096, 9000}) {
        groups("5:cpu:/" + std::string(length, 'x') + "\n0::/a");
        EXPECT_EQ(limit(), 4096u) << length;
    }
}

TEST(OsBoundary, TellsAMemoryLimitWithinTheMachine)
{
    errno = ERANGE;
    size_t limit = hak_i_os_memory_limit_bytes();
    EXPECT_EQ(errno, ERANGE);
    EXPECT_GT(limit, 0u);
    EXPECT_LE(limit, hak_i_os_physical_bytes());
    EXPECT_EQ(limit, std::min(hak_i_os_group().limit_bytes, hak_i_os_physical_bytes()));
}

TEST_F(OsGroup, OfVersion1IsTheMachineWhereItSaysUnlimited)
{
    groups("4:memory:/\n");
    mount_1();
    write("/sys/fs/cgroup/memory/memory.limit_in_bytes", UNLIMITED);
    write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "4096\n");
    EXPECT_EQ(limit(), SIZE_MAX);
    EXPECT_EQ(used(), 4096u);
}
