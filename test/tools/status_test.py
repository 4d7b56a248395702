# SPDX-License-Identifier: MIT
"""With which status hakmem-run ends."""
import os
import signal
import subprocess
import unittest

import support


class Status(support.Case):
    def test_is_that_of_the_command(self):
        for status in (0, 1, 77, 125, 255):
            self.assertEqual(self.run_it("sh", "-c", f"exit {status}").returncode, status)

    def test_is_the_signal_that_ended_the_command(self):
        self.assertEqual(self.run_it("sh", "-c", "kill -TERM $$").returncode, -signal.SIGTERM)
        shell = f"'{self.program}' --library='{self.library}' sh -c 'kill -TERM $$'; echo $?"
        self.assertEqual(subprocess.check_output(["sh", "-c", shell], text=True), "143\n")

    def test_is_127_for_what_is_not_there(self):
        for command in ("no-such-command", "/no/such/command", "./no-such-command", ""):
            self.check_refused(self.run_it("--", command), f"'{command}'", status=127)

    def test_is_126_for_what_cannot_be_run(self):
        plain = self.write("plain", "#!/bin/sh\n", 0o644)
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        pipe.chmod(0o755)
        for command, text in (
            (self.folder, "Is a directory"),
            (plain, "Permission denied"),
            (pipe, "Permission denied"),
            (plain / "below", "Not a directory"),
            (self.write("empty", ""), "is empty"),
            (self.write("text", "echo ran\n"), "neither an ELF program nor a script"),
            ("x" * 5000, "File name too long"),
        ):
            self.check_refused(self.run_it(command), text, status=126)

    def test_is_126_where_the_loader_is_missing(self):
        path = self.build("loaderless", support.PRINTS_RAN, "-Wl,--dynamic-linker=/no/such/loader")
        self.check_refused(self.run_it(path), "/no/such/loader: No such file", status=126)

    def test_goes_on_along_the_path_after_what_cannot_be_run(self):
        (self.folder / "first" / "tool").mkdir(parents=True)
        (self.folder / "second").mkdir()
        path = {"PATH": f"{self.folder}/first:{self.folder}/absent:{self.folder}/second"}
        self.check_refused(self.run_it("tool", environment=path), "Is a directory", status=126)
        self.build("second/tool", support.PRINTS_RAN)
        self.check_printed(self.run_it("tool", environment=path), "ran\n")

    def test_takes_an_empty_part_of_the_path_for_the_current_folder(self):
        self.build("here", support.PRINTS_RAN)
        self.check_printed(self.run_it("here", environment={"PATH": "/bin:"}, cwd=self.folder), "ran\n")

    @unittest.skipIf(os.geteuid() != 0, "only root can become another user")
    def test_is_125_for_what_may_be_run_and_not_read(self):
        path = self.build("unreadable", support.PRINTS_RAN)
        path.chmod(0o111)
        nobody = {"user": 65534, "group": 65534, "extra_groups": []}
        self.check_refused(self.run_it(path, **nobody), "cannot be read (Permission denied)")
        path.chmod(0)
        self.check_refused(self.run_it(path, **nobody), "Permission denied", status=126)


if __name__ == "__main__":
    support.main()
