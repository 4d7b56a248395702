# SPDX-License-Identifier: MIT
"""What HAKMEM_BUDGET does to a program that knows nothing of it.

usage: budget_test.py <library> <program of in_budget.c> <hakmem-run, or ""> [argument of unittest]...
"""
import os
import subprocess
import sys
import unittest

MIB = 1 << 20


class Budget(unittest.TestCase):
    library = program = hakmem_run = None

    def run_it(self, argument, value=None, command=()):
        environment = {name: text for name, text in os.environ.items() if name not in ("LD_PRELOAD", "HAKMEM_BUDGET")}
        if not command:
            environment["LD_PRELOAD"] = self.library
        if value is not None:
            environment["HAKMEM_BUDGET"] = value
        return subprocess.run(
            [*command, self.program, argument], env=environment, capture_output=True, text=True, timeout=100
        )

    def limits(self, *arguments, **more):
        result = self.run_it("limits", *arguments, **more)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return tuple(map(int, result.stdout.split()))

    def test_there_is_none_unless_asked_for(self):
        self.assertEqual(self.limits(), (0, 0))
        self.assertEqual(self.limits("0"), (0, 0))

    def test_has_two_limits(self):
        self.assertEqual(self.limits("100M"), (90 * MIB, 100 * MIB))
        self.assertEqual(self.limits("40M,100M"), (40 * MIB, 100 * MIB))
        self.assertEqual(self.limits("0,100M"), (90 * MIB, 100 * MIB))

    def test_may_be_a_share_of_the_limit(self):
        (_, whole), (_, half) = self.limits("100%"), self.limits("50%")
        self.assertLessEqual(whole, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE"))
        self.assertAlmostEqual(half, whole / 2, delta=100)
        self.assertEqual(self.limits("1M,50%"), (MIB, half))
        self.assertEqual(self.limits("25%,50%"), (half // 2, half))

    def test_names_what_it_does_not_take(self):
        for value in ("", "101%", "2M,1M", "80%,70%", "1T", "much"):
            result = self.run_it("limits", value)
            self.assertEqual((result.returncode, result.stdout), (0, "0 0\n"))
            self.assertEqual(result.stderr, "hakmem: option HAKMEM_BUDGET ignored: not a value it can take\n", value)
        result = self.run_it("limits", "131072G,1%")
        self.assertEqual((result.returncode, result.stdout), (0, "0 0\n"))
        self.assertRegex(
            result.stderr, rf"\Ahakmem: option HAKMEM_BUDGET ignored: soft is {1 << 47} bytes here, hard \d+\n\Z"
        )

    def test_a_program_that_exceeds_it_is_refused_and_goes_on(self):
        for value in ("48M", "24M,48M", "48M,48M"):
            result = self.run_it("fill", value)
            self.assertEqual((result.returncode, result.stderr), (0, ""), value)
            before, *resident = map(int, result.stdout.split())
            self.assertEqual(len(resident), 8)
            self.assertLessEqual(max(resident), before + 48 * 1024, value)

    def test_can_be_set_by_hakmem_run(self):
        if not self.hakmem_run:
            self.skipTest("hakmem-run is not built")
        command = [self.hakmem_run, f"--library={self.library}", "--set", "BUDGET=10M,20M", "--"]
        self.assertEqual(self.limits(command=command), (10 * MIB, 20 * MIB))


if __name__ == "__main__":
    Budget.library, Budget.program, Budget.hakmem_run = sys.argv[1:4]
    del sys.argv[1:4]
    unittest.main()
