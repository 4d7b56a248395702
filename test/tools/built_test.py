# SPDX-License-Identifier: MIT
"""hakmem-run as it was built, with the library that was built beside it."""
import os
import re
import subprocess
import tempfile

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

    def test_explains_at_the_end_of_a_program_that_closes_its_standard_error(self):
        result = self.run_built("--explain", "cat", "/dev/null")  # the GNU programs close it in an exit handler
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        self.assertRegex(result.stderr, r"^hakmem in process \d+ \(cat\): ")
        self.assertIn("committed: all of these together\n", result.stderr)

    def test_explains_each_process(self):
        result = self.run_built("--explain", "sh", "-c", "cat /dev/null; tac /dev/null; exit 3")
        self.assertEqual(result.returncode, 3)
        names = re.findall(r"^hakmem in process \d+ \((\w+)\): ", result.stderr, re.MULTILINE)
        self.assertEqual([name for name in names if name != "sh"], ["cat", "tac"])

    def test_a_page_that_nobody_reads_costs_the_program_nothing(self):
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "w") as nobody:
            result = subprocess.run([self.hakmem_run, "--explain", "awk", 'BEGIN { print "done" }'],
                                    stdout=subprocess.PIPE, stderr=nobody, text=True, timeout=60)
        self.assertEqual((result.returncode, result.stdout), (0, "done\n"))

    def test_writes_no_page_into_a_file_that_took_the_number_of_standard_error(self):
        with tempfile.NamedTemporaryFile() as file:
            script = f"exec 2>&-; exec 2>{file.name}; eval exec 200\\>\\&-; echo done"
            result = self.run_built("--explain", "bash", "-c", script)
            self.assertEqual((result.returncode, result.stdout, file.read()), (0, "done\n", b""))
            self.assertEqual(result.stderr, "")


if __name__ == "__main__":
    support.main()
