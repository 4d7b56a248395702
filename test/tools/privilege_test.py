# SPDX-License-Identifier: MIT
"""Programs that start with more rights. The kernel tells such a program (AT_SECURE), and so the loader."""
import os
import shutil
import stat
import struct
import subprocess
import unittest

import support

SHOWS_SECURE = r"""
#include <stdio.h>
#include <sys/auxv.h>
int main(void) { printf("%lu\n", getauxval(AT_SECURE)); return 0; }
"""
NOBODY = 65534
MAY_BIND_PORTS = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)  # struct vfs_cap_data, effective


class Installed(support.Case):
    @unittest.skipIf(os.geteuid() == 0, "root gains nothing by programs of root")
    def test_of_a_program_of_root(self):
        found = shutil.which("su") or self.skipTest("there is no su here")
        if not os.stat(found).st_mode & stat.S_ISUID or os.statvfs(found).f_flag & os.ST_NOSUID:
            self.skipTest(f"{found} raises no rights here")
        self.check_refused(self.run_it(found, "--help"), f"{found} is set-user-ID for another user")


@unittest.skipIf(os.geteuid() != 0, "only root can give a file to another user")
class Privilege(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if os.statvfs(cls.folder).f_flag & os.ST_NOSUID:
            raise unittest.SkipTest(f"{cls.folder} is mounted nosuid")
        cls.path = cls.build("shows", SHOWS_SECURE)

    def prepare(self, owner=0, group=0, mode=0o755, capabilities=None):
        os.chown(self.path, owner, group)  # takes capabilities away
        self.path.chmod(mode)
        if capabilities is not None:
            os.setxattr(self.path, "security.capability", capabilities)

    def check(self, reason, user=0, **file):
        """The program is refused for `reason`, and the kernel agrees; None: for nothing."""
        self.prepare(**file)
        who = {"user": user, "group": user, "extra_groups": []}
        secure = subprocess.check_output([self.path], text=True, **who)
        self.assertEqual(secure, "0\n" if reason is None else "1\n", "the test itself is wrong about the kernel")
        result = self.run_it(self.path, **who)
        if reason is None:
            self.check_printed(result, "0\n")
        else:
            self.check_refused(result, f"{self.path} {reason}, so the loader ignores LD_PRELOAD")

    def test_of_another_user(self):
        self.check("is set-user-ID for another user", owner=NOBODY, mode=0o4755)
        self.check("is set-user-ID for another user", user=NOBODY, mode=0o4755)

    def test_of_another_group(self):
        self.check("is set-group-ID for another group", group=NOBODY, mode=0o2755)
        self.check("is set-group-ID for another group", user=NOBODY, mode=0o2755)

    def test_of_the_same_user_and_group(self):
        self.check(None, mode=0o6755)
        self.check(None, user=NOBODY, owner=NOBODY, group=NOBODY, mode=0o6755)

    def test_of_a_group_that_may_not_execute(self):
        self.check(None, group=NOBODY, mode=0o2745)

    def test_of_a_file(self):
        self.check("has file capabilities", user=NOBODY, capabilities=MAY_BIND_PORTS)
        self.check(None, capabilities=MAY_BIND_PORTS)

    def test_that_may_not_be_raised(self):
        self.prepare(owner=NOBODY, mode=0o4755)
        setpriv = ["setpriv", "--no-new-privs"]
        command = [*setpriv, str(self.program), f"--library={self.library}", str(self.path)]
        self.check_printed(subprocess.run(command, capture_output=True, text=True), "0\n")

    def test_of_a_script_are_those_of_its_interpreter(self):
        self.prepare(owner=NOBODY, mode=0o4755)
        script = self.write("script", f"#!{self.path}\n")
        self.check_refused(self.run_it(script), f"{self.path}, the interpreter of {script}, is set-user-ID")
        script = self.write("raised", "#!/bin/sh\necho ran\n")
        os.chown(script, NOBODY, NOBODY)
        script.chmod(0o4755)
        self.check_printed(self.run_it(script), "ran\n")

    def test_of_hakmem_run_itself(self):
        os.chown(self.program, NOBODY, 0)
        self.program.chmod(0o4755)
        self.addCleanup(lambda: (os.chown(self.program, 0, 0), self.program.chmod(0o755)))
        self.check_refused(self.run_it("true"), "would start with other rights", "ignores LD_PRELOAD")


if __name__ == "__main__":
    support.main()
