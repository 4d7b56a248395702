# SPDX-License-Identifier: MIT
"""What HAKMEM_FOREIGN_FREE makes of a pointer that is not hakmem's.

usage: foreign_test.py <library> <program of foreign.c> [argument of unittest]...
"""
import os
import signal
import subprocess
import sys
import unittest

NAMES = {"free": "hak_free", "realloc": "hak_realloc", "malloc_usable_size": "hak_usable_size"}
OWNERS = "stack", "program", "mmap"


class Foreign(unittest.TestCase):
    library = program = None

    def run_it(self, call, whose, value=None):
        environment = dict(os.environ, LD_PRELOAD=self.library)
        environment.pop("HAKMEM_FOREIGN_FREE", None)
        if value is not None:
            environment["HAKMEM_FOREIGN_FREE"] = value
        return subprocess.run([self.program, call, whose], env=environment, capture_output=True, text=True, timeout=60)

    def cases(self):
        for call, name in NAMES.items():
            for whose in OWNERS:
                with self.subTest(call=call, whose=whose):
                    yield call, whose, rf"\Ahakmem: foreign pointer: 0x[0-9a-f]+ in {name}\n\Z"

    def check_stopped(self, result, line):
        self.assertEqual((result.returncode, result.stdout), (-signal.SIGABRT, ""), result.stderr)
        self.assertRegex(result.stderr, line)

    def check_survived(self, result):
        self.assertEqual((result.returncode, result.stdout), (0, "survived\n"), result.stderr)

    def test_abort_is_the_default(self):
        for call, whose, line in self.cases():
            self.check_stopped(self.run_it(call, whose), line)
            self.check_stopped(self.run_it(call, whose, "abort"), line)

    def test_report_goes_on(self):
        for call, whose, line in self.cases():
            result = self.run_it(call, whose, "report")
            self.check_survived(result)
            self.assertRegex(result.stderr, line)

    def test_ignore_says_nothing(self):
        for call, whose, _ in self.cases():
            result = self.run_it(call, whose, "ignore")
            self.check_survived(result)
            self.assertEqual(result.stderr, "")

    def test_a_bad_value_is_named_and_the_default_stays(self):
        for value in ("", "no", "Ignore", "ignored", "1"):
            result = self.run_it("free", "stack", value)
            self.assertEqual(result.returncode, -signal.SIGABRT, result.stderr)
            lines = result.stderr.splitlines()
            self.assertEqual(lines[0], "hakmem: option HAKMEM_FOREIGN_FREE ignored: not a value it can take")
            self.assertRegex(lines[1], "hakmem: foreign pointer: ")
            self.assertEqual(len(lines), 2)

    def test_what_is_the_loaders_passes_silently(self):
        for call in NAMES:
            for value in (None, "abort", "report", "ignore"):
                result = self.run_it(call, "loader", value)
                self.check_survived(result)
                self.assertEqual(result.stderr, "")

    def test_misuse_of_own_addresses_stops_whatever_the_option_says(self):
        for value in ("report", "ignore"):
            self.check_stopped(self.run_it("free", "interior", value), r"\Ahakmem: interior pointer: .*\n\Z")


if __name__ == "__main__":
    Foreign.library, Foreign.program = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main()
