# SPDX-License-Identifier: MIT
"""hakmem-run as it was built, with the library that was built beside it."""
import subprocess

import support


class Built(support.Case):
    def run_built(self, *arguments):
        return subprocess.run([self.hakmem_run, *arguments], capture_output=True, text=True, timeout=60)

    def test_finds_its_library(self):
        result = self.run_built("cat", "/proc/self/maps")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"/libhakmem_malloc\.so\.0")

    def test_sets_an_option_that_the_library_reads(self):
        result = self.run_built("--set", "check=nonsense", "cat", "/dev/null")
        self.assertEqual(result.returncode, 0)
        self.assertIn("HAKMEM_CHECK ignored: not a value it can take", result.stderr)


if __name__ == "__main__":
    support.main()
