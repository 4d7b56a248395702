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


class Launching(unittest.TestCase):
    def launch(self, *command, processors=None, library="", options=()):
        """What it did and its report; on the first processor unless others are named."""
        if processors is None:
            processors = self.two().split(",")[0]
        with tempfile.NamedTemporaryFile("r") as report:
            done = subprocess.run([LAUNCHER, *options, report.name, processors, library, *command], capture_output=True,
                                  text=True)
            return done, json.loads(report.read() or "{}")

    def two(self):
        processors = sorted(os.sched_getaffinity(0))
        return f"{processors[0]},{processors[-1]}"


class Launcher(Launching):
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
                for options in ((), ("--memory",)):
                    done, _ = self.launch("sh", "-c", script, processors=processors, options=options)
                    self.assertEqual(done.returncode, status)

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
        for options in ((), ("--memory",)):
            done, _ = self.launch(sys.executable, "-c", script, processors=self.two(), options=options)
            self.assertEqual(done.stdout.split("\n")[:-1],
                             [f"main {first}", f"first {second}", f"child {second}", f"second {first}"])

    def test_what_cannot_run_is_refused(self):
        for command, processors, reason in ((("/nothing",), None, "/nothing: No such file"), ((), None, "usage"),
                                            (("true",), "a", "usage"), (("true",), "0,", "usage"),
                                            (("true",), "999", "cannot pin")):
            done, _ = self.launch(*command, processors=processors)
            self.assertEqual(done.returncode, 125)
            self.assertIn(reason, done.stderr)


HELD = 64 * 2**20
FREED_HALFWAY = f"import time; b = bytearray(b'x' * {HELD}); time.sleep(0.2); del b; time.sleep(0.2)"
HELD_TO_THE_END = f"import time; b = bytearray(b'x' * {HELD}); time.sleep(0.2)"


class Memory(Launching):
    def sample(self, *command, **how):
        done, report = self.launch(*command, options=("--memory",), **how)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(report["rss_over_time"], sorted(report["rss_over_time"]))
        self.assertEqual(report["rss_over_time"][-1][1], report["exit_rss_bytes"])
        return report

    def test_the_average_is_over_time(self):
        report = self.sample(sys.executable, "-c", FREED_HALFWAY)
        samples = report["rss_over_time"]
        pairs = list(zip(samples, samples[1:]))
        self.assertGreater(len(samples), 50)
        self.assertGreater(samples[-1][0], 0.4)
        self.assertGreater(max(size for _, size in samples), HELD)
        self.assertLessEqual(max(size for _, size in samples), report["peak_rss_bytes"] + 2**20)
        average = sum(size * (then - now) for (now, size), (then, _) in pairs) / (samples[-1][0] - samples[0][0])
        self.assertAlmostEqual(report["average_rss_bytes"] / average, 1, places=3)

    def test_what_is_freed_last_is_not_there_at_the_exit(self):
        script = "import os, time; b = b'x' * (8 * 2**20); time.sleep(0.02); del b; os._exit(0)"
        for _ in range(10):  # a sample may be due just then anyhow
            report = self.sample(sys.executable, "-c", script)
            self.assertLess(report["exit_rss_bytes"], max(size for _, size in report["rss_over_time"]) - 4 * 2**20)

    def test_what_is_held_is_there_at_the_exit(self):
        by_another = "threading.Thread(target=os._exit, args=(0,)).start(); time.sleep(9)"
        for end in ("os._exit(0)", by_another):
            report = self.sample(sys.executable, "-c", f"import os, threading; {HELD_TO_THE_END}; {end}")
            self.assertGreater(report["exit_rss_bytes"], HELD)

    def test_a_child_with_the_highest_peak_is_the_one(self):
        for processors in (None, self.two(), ""):
            report = self.sample("sh", "-c", f"sleep 0.4; {sys.executable} -c \"{HELD_TO_THE_END}\"; sleep 0.4",
                                 processors=processors)
            self.assertGreater(max(size for _, size in report["rss_over_time"]), HELD)
            self.assertLess(report["rss_over_time"][-1][0], report["seconds"] - 0.8)

    def test_a_program_begins_at_its_exec(self):
        report = self.sample("sh", "-c", f"sleep 0.4; exec {sys.executable} -c \"{HELD_TO_THE_END}\"")
        self.assertGreater(max(size for _, size in report["rss_over_time"]), HELD)
        self.assertLess(report["rss_over_time"][-1][0], report["seconds"] - 0.4)

    def test_a_child_that_executes_nothing_is_not_the_one(self):
        script = f"""
import os, time
if os.fork() == 0:
    block = b'x' * {HELD}
    time.sleep(0.1)
    os._exit(0)
os.wait()
time.sleep(0.2)
"""
        report = self.sample(sys.executable, "-c", script)
        self.assertLess(max(size for _, size in report["rss_over_time"]), HELD)
        self.assertGreater(report["rss_over_time"][-1][0], 0.3)

    def test_without_it_nothing_is_sampled(self):
        self.assertEqual(list(self.launch("true")[1]), ["seconds", "peak_rss_bytes", "page_faults"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
