# SPDX-License-Identifier: MIT
"""Launches programs, and holds the report against what they did.

usage: launch_test.py <hakmem_benchmark_launch> <a shared library> [test]...
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

LAUNCHER, LIBRARY = sys.argv[1:3]


class Launcher(unittest.TestCase):
    def launch(self, *command, processors=None, library=""):
        """What it did and its report; on the first processor unless others are named."""
        if processors is None:
            processors = self.two().split(",")[0]
        with tempfile.NamedTemporaryFile("r") as report:
            done = subprocess.run([LAUNCHER, report.name, processors, library, *command], capture_output=True,
                                  text=True)
            return done, json.loads(report.read() or "{}")

    def two(self):
        processors = sorted(os.sched_getaffinity(0))
        return f"{processors[0]},{processors[-1]}"

    def test_the_peak_is_the_program_s(self):
        ballast = bytearray(b"x" * (64 * 2**20))
        _, report = self.launch("true")
        self.assertLess(report["peak_rss_bytes"], len(ballast) / 8)
        _, report = self.launch(sys.executable, "-c", "b = bytearray(b'x' * (64 * 2**20))")
        self.assertGreater(report["peak_rss_bytes"], len(ballast))

    def test_a_child_of_the_program_counts(self):
        _, report = self.launch("sh", "-c", f"{sys.executable} -c \"b = b'x' * (64 * 2**20)\"; true")
        self.assertGreater(report["peak_rss_bytes"], 64 * 2**20)
        self.assertGreater(report["page_faults"], 64 * 2**8)

    def test_the_time_is_the_wall_s(self):
        for processors in (None, self.two()):
            self.assertGreater(self.launch("sleep", "0.2", processors=processors)[1]["seconds"], 0.2)

    def test_the_status_is_the_program_s(self):
        for processors in (None, self.two()):
            for script, status in (("exit 7", 7), ("kill -9 $$", 128 + 9), ("kill -USR1 $$", 128 + 10)):
                self.assertEqual(self.launch("sh", "-c", script, processors=processors)[0].returncode, status)

    def test_the_library_is_preloaded_into_the_program(self):
        shown = self.launch("sh", "-c", "echo $LD_PRELOAD; cat /proc/$PPID/environ", library=LIBRARY)[0].stdout
        self.assertEqual(shown.split("\n")[0], LIBRARY)
        self.assertNotIn("LD_PRELOAD", shown.split("\n")[1])

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "needs two processors")
    def test_threads_of_the_main_thread_are_dealt_out(self):
        script = """
import os, threading
def show(name, then=None):
    print(name, *os.sched_getaffinity(0), flush=True)
    if then:
        run(*then)
def run(*arguments):
    thread = threading.Thread(target=show, args=arguments)
    thread.start()
    thread.join()
show("main")
run("first", ("child",))
run("second")
"""
        first, second = self.two().split(",")
        shown = self.launch(sys.executable, "-c", script, processors=self.two())[0].stdout.split("\n")
        self.assertEqual(shown[:-1], [f"main {first}", f"first {second}", f"child {second}", f"second {first}"])

    def test_what_cannot_run_is_refused(self):
        for command, processors, reason in ((("/nothing",), None, "/nothing: No such file"), ((), None, "usage"),
                                            (("true",), "a", "usage"), (("true",), "0,", "usage"),
                                            (("true",), "999", "cannot pin")):
            done, _ = self.launch(*command, processors=processors)
            self.assertEqual(done.returncode, 125)
            self.assertIn(reason, done.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
