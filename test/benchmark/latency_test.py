# SPDX-License-Identifier: MIT
"""Times single calls over hakmem and the system's malloc, and draws up the tables of that.

usage: latency_test.py <benchmark/compare> <its setup> [test]...
"""
import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOL, SETUP = sys.argv[1:3]
sys.path.insert(0, TOOL)

from latency import QUANTILES, ROWS, Latencies, behind, lower, over_limit, table  # noqa: E402

NAMES = ["system", "hakmem"]


def run(malloc, nothing=20.0, step=1.0):
    times = {"nothing": nothing, "malloc": malloc, "free": 30.0}
    return {"step": step} | {call: dict.fromkeys(QUANTILES, value) for call, value in times.items()}


def latencies_of(**malloc):
    """allocator → malloc's time, everywhere."""
    latencies = Latencies()
    for row in ROWS:
        for name, nanoseconds in malloc.items():
            latencies.add(row, name, run(nanoseconds))
    return latencies


class Tables(unittest.TestCase):
    def test_the_lowest_of_the_rounds_counts(self):
        latencies = latencies_of(hakmem=50.0)
        latencies.add(ROWS[0], "hakmem", run(45.0, nothing=22.0))
        self.assertEqual(latencies.times[ROWS[0], "hakmem"]["malloc"]["p50"], 45.0)
        self.assertEqual(latencies.floor(ROWS[0], "p50", NAMES), 20.0)
        self.assertEqual(lower({"a": {"b": 1, "c": 5}}, {"a": {"b": 2, "c": 4}}), {"a": {"b": 1, "c": 4}})

    def test_what_is_within_a_step_of_the_best_is_marked(self):
        shown = table(latencies_of(system=30.0, hakmem=31.0), "malloc", NAMES).splitlines()
        self.assertEqual(shown[2], f"| {ROWS[0]} | p50 | **30.0** | **31.0** | 20.0 |")
        shown = table(latencies_of(system=30.0, hakmem=31.5), "malloc", NAMES).splitlines()
        self.assertEqual(shown[2], f"| {ROWS[0]} | p50 | **30.0** | 31.5 | 20.0 |")

    def test_where_hakmem_is_behind_is_told(self):
        self.assertEqual(list(behind(latencies_of(system=30.0, hakmem=31.0), "malloc", NAMES)), [])
        found = list(behind(latencies_of(system=30.0, hakmem=600.0), "malloc", NAMES))
        self.assertEqual(len(found), len(ROWS) * (len(QUANTILES) - 1))
        self.assertEqual(found[0], (ROWS[0], "p50", "600", "30.0", "system"))

    def test_what_is_over_the_limit_is_told(self):
        found = list(over_limit(latencies_of(system=30.0, hakmem=500.0), "malloc", NAMES))
        self.assertEqual(found, [f"{row} over hakmem: 500 ns" for row in ROWS])
        self.assertEqual(list(over_limit(latencies_of(system=30.0, hakmem=499.0), "malloc", NAMES)), [])

    def test_a_run_that_failed_leaves_a_dash(self):
        latencies = latencies_of(system=30.0)
        self.assertIn("| – |", table(latencies, "malloc", NAMES))
        self.assertEqual(list(behind(latencies, "malloc", NAMES)), [])


class Whole(unittest.TestCase):
    def latency(self, *options):
        return subprocess.run([sys.executable, f"{TOOL}/latency.py", SETUP, *options], capture_output=True, text=True)

    def test_a_round_has_every_figure(self):
        with tempfile.TemporaryDirectory() as directory:
            out = Path(directory) / "latency.md"
            done = self.latency("--rounds=1", f"--out={out}")
            self.assertEqual(done.returncode, 0, done.stderr)
            for call in ("malloc", "free"):
                part = re.search(rf"^## {call}$(.*?)^##", out.read_text(), re.MULTILINE | re.DOTALL)[1]
                lines = [line for line in part.splitlines() if re.match(rf"\| ({'|'.join(ROWS)}) \| (p\d|max)", line)]
                self.assertGreaterEqual(len(lines), len(ROWS) * len(QUANTILES))
                self.assertNotIn("–", part)

    def test_quantiles_rise_and_every_call_is_counted(self):
        program = json.loads(Path(SETUP).read_text())["latency"]
        told = json.loads(subprocess.run([program, "random_mixed/2"], capture_output=True, text=True).stdout)
        self.assertGreater(told["step"], 0)
        self.assertEqual(told["malloc"]["calls"], told["free"]["calls"])
        self.assertGreater(told["malloc"]["calls"], 50_000)
        for call in ("nothing", "malloc", "free"):
            times = [told[call][name] for name in QUANTILES]
            self.assertEqual(times, sorted(times))
            self.assertGreater(times[0], 0)

    def test_mistakes_are_refused(self):
        for option, reason in (("--rounds=0", "at least 1"), ("--peer=x", "NAME=LIBRARY"),
                               ("--peer=x=/nothing.so", "no file /nothing.so"),
                               ("--out=/dev/null/latency.md", "--out=/dev/null/latency.md: ")):
            done = self.latency(option)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(reason, done.stderr)
        program = json.loads(Path(SETUP).read_text())["latency"]
        for name in ("nothing/1", "pair/0", "pair/17", "pair", ""):
            done = subprocess.run([program, name], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (1, ""))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
