# SPDX-License-Identifier: MIT
"""Adds rounds, draws up tables, runs a row of its own, and gives benchmark/compare what it must refuse.

usage: compare_test.py <benchmark/compare> <its setup> <a shared library without malloc> [test]...
"""
import importlib.util
import json
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

TOOL, SETUP, NO_MALLOC = sys.argv[1:4]
sys.path.insert(0, TOOL)

import allocators  # noqa: E402 the path above comes first
from errors import Refusal  # noqa: E402
from figures import beside, best_seconds, lines  # noqa: E402
from program import SLOW, Program  # noqa: E402
from results import Results  # noqa: E402
from rows import Finder, Row  # noqa: E402
from runner import REPEATS, Run, Runner, Tracer  # noqa: E402
from table import beside_table, markdown, readable_seconds, spread_table, table  # noqa: E402

PROGRAMS = {"larson": {"version": None, "sha256": "ef" * 32}}
PAIR = Row("pair", 1)


def machine(**changes):
    facts = {"cpu": "a processor", "processors": 2, "memory_bytes": 2**30, "libc": "glibc 2.36", "date": "today"}
    library = {"name": "hakmem", "file": "libhakmem_malloc.so.0", "version": "0.1.0", "sha256": "ab" * 32}
    system = {"name": "system", "file": None, "version": None, "sha256": None}
    return facts | {"allocators": [system, library]} | changes


def row_of(name):
    benchmark, _, threads = name.rpartition("/")
    return Row(benchmark, int(threads), kind="real" if benchmark.startswith("real/") else "synthetic")


def results_of(seconds, **others):
    """`seconds`: name/threads → allocator → list of times."""
    results = Results(machine(), dict(PROGRAMS))
    for name, row in seconds.items():
        for allocator, times in row.items():
            for time in times:
                run = Run(time, others.get("rss", 2**20), 100, others.get("disturbed", False))
                results.add(row_of(name), allocator, run)
    return results


class ResultsFile(unittest.TestCase):
    def reload(self, results):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "results.json"
            results.save(path)
            return Results.load(path)

    def test_a_later_run_adds_rounds(self):
        first = results_of({"pair/1": {"hakmem": [1.0, 3.0]}})
        first.spin_seconds = {2: 0.03}
        first.row(PAIR, "hakmem")["memory_system_calls"] = 7
        again = self.reload(first)
        again.take_over(machine(date="tomorrow"), PROGRAMS)
        again.add(PAIR, "hakmem", Run(2.0, 4 * 2**20, 101, True))
        row = self.reload(again).row(PAIR, "hakmem")
        self.assertEqual(row["seconds"], [1.0, 3.0, 2.0])
        self.assertEqual((row["disturbed"], row["peak_rss_bytes"], row["page_faults"]), (1, 2**20, 100))
        self.assertEqual(row["memory_system_calls"], 7)
        self.assertEqual((again.spin_seconds, again.rounds(), again.machine["date"]), ({2: 0.03}, 3, "tomorrow"))

    def test_a_new_allocator_may_join(self):
        results = results_of({})
        joined = machine()["allocators"][:1] + [{"name": "peer", "file": "p.so", "version": None, "sha256": "cd" * 32}]
        results.take_over(machine(allocators=joined), PROGRAMS)
        self.assertEqual([a["name"] for a in results.machine["allocators"]], ["system", "hakmem", "peer"])

    def test_another_machine_is_refused(self):
        with self.assertRaisesRegex(Refusal, "processors was 2, now it is 4.*another --out"):
            results_of({}).take_over(machine(processors=4), PROGRAMS)

    def test_another_library_is_refused(self):
        changed = machine()["allocators"]
        changed[1]["sha256"] = "cd" * 32
        with self.assertRaisesRegex(Refusal, "library of hakmem is another: libhakmem_malloc.so.0 0.1.0"):
            results_of({}).take_over(machine(allocators=changed), PROGRAMS)

    def test_another_program_is_refused(self):
        with self.assertRaisesRegex(Refusal, "larson is another"):
            results_of({}).take_over(machine(), {"larson": {"version": None, "sha256": "00" * 32}})

    def test_a_new_program_may_join(self):
        results = results_of({})
        results.take_over(machine(), {"redis-server": {"version": "7", "sha256": "00" * 32}})
        self.assertEqual(list(results.programs), ["larson", "redis-server"])

    def test_a_file_of_something_else_is_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "results.json"
            for content in ("", "[]", '{"machine": {}}'):
                path.write_text(content)
                with self.assertRaisesRegex(Refusal, "not a file of ./dev bench"):
                    Results.load(path)


class Table(unittest.TestCase):
    def lines(self, results):
        return table(results, best_seconds, readable_seconds).splitlines()[2:]

    def test_ratios_are_of_the_fastest_rounds(self):
        results = results_of({"pair/1": {"system": [0.6, 0.61], "hakmem": [0.2, 0.21]},
                              "bulk/2": {"system": [0.4], "hakmem": [0.4]}})
        self.assertEqual(self.lines(results), ["| pair | 1 | 3.00 (0.6 s) | **1.00** (0.2 s) |",
                                               "| bulk | 2 | **1.00** (0.4 s) | **1.00** (0.4 s) |",
                                               "| geometric mean |  | 1.73 | 1.00 |"])

    def test_a_spread_and_a_disturbed_run_are_marked(self):
        results = results_of({"pair/1": {"system": [1.0, 1.26], "hakmem": [1.0, 1.24]}})
        self.assertEqual(self.lines(results)[0], "| pair | 1 | **1.00** ~ (1 s) | **1.00** (1 s) |")
        results.add(PAIR, "hakmem", Run(1.1, 1, 1, True))
        self.assertEqual(self.lines(results)[0], "| pair | 1 | **1.00** ~ (1 s) | **1.00** † (1 s) |")
        self.assertIn("Disturbed: 1 of 5 runs", markdown(results))

    def test_a_spread_is_shown_from_two_rounds_on(self):
        self.assertIn("two rounds", spread_table(results_of({"pair/1": {"hakmem": [1.0]}})))
        shown = spread_table(results_of({"pair/1": {"hakmem": [1.0, 1.5, 1.1], "system": [2.0]}}))
        self.assertIn("| pair | 1 | – | 1.50 |", shown)

    def test_synthetic_and_real_rows_have_means_of_their_own(self):
        results = results_of({"pair/1": {"system": [2.0], "hakmem": [1.0]},
                              "real/lua/1": {"system": [1.0], "hakmem": [8.0]}})
        self.assertEqual(self.lines(results)[2:], ["| geometric mean, synthetic |  | 2.00 | 1.00 |",
                                                   "| geometric mean, real |  | 1.00 | 8.00 |",
                                                   "| geometric mean |  | 1.41 | 2.83 |"])

    def test_hakmem_stands_beside_each_peer_alone(self):
        results = results_of({"pair/1": {"system": [2.0], "hakmem": [1.0]},
                              "bulk/1": {"system": [1.0], "hakmem": [32.0]},
                              "bulk/2": {"system": [8.0], "hakmem": [4.0]}, "larson/1": {"system": [1.0]}})
        mean, better, count = beside(lines(results, best_seconds), "system")
        self.assertAlmostEqual(mean, 2.0)
        self.assertEqual((better, count), (2, 3))
        self.assertIsNone(beside(lines(results, best_seconds), "peer"))
        self.assertIn("| time, all | 2.00 (2 of 3) |", beside_table(results))

    def test_a_failure_is_named(self):
        results = results_of({"pair/1": {"system": [1.0]}})
        results.row(PAIR, "hakmem")["failure"] = "it ended with 139"
        self.assertEqual(self.lines(results)[0], "| pair | 1 | **1.00** (1 s) | failed |")
        self.assertIn("- pair/1 over hakmem: it ended with 139", markdown(results))

    def test_what_is_missing_is_a_dash(self):
        results = results_of({"pair/1": {"hakmem": [1.0]}})
        self.assertEqual(self.lines(results), ["| pair | 1 | – | **1.00** (1 s) |", "| geometric mean |  | – | – |"])

    def test_the_facts_stand_below(self):
        text = markdown(results_of({"pair/1": {"hakmem": [1.0]}}), "there is no strace")
        for part in ("there is no strace", "- cpu: a processor", "- memory: 1024.0 MiB",
                     "| hakmem | libhakmem_malloc.so.0 | 0.1.0 | abababababab |", "(1.0 MiB)"):
            self.assertIn(part, text)


class ScriptedProgram(Program):
    """Spins take the seconds given, one after the other; then the machine is fast."""

    def __init__(self, spins):
        super().__init__("/nothing")
        self.spins = iter(spins)
        self.fastest_spin = {1: 1.0}

    def ask(self, option, library=None):
        return str(next(self.spins, 1.0)), ""


class CountingRunner(Runner):
    def __init__(self, spins):
        super().__init__(None, ScriptedProgram(spins), None)
        self.runs = 0

    def run_once(self, row, allocator):
        self.runs += 1
        return Run(float(self.runs), 1, 1)


class Calibration(unittest.TestCase):
    def test_a_run_beside_a_slow_spin_is_repeated(self):
        for spins, runs in (([], 1), ([1, SLOW + 0.01], 2), ([1, 3, 1, 3], 3)):
            runner = CountingRunner(spins)
            run = runner.run(PAIR, None)
            self.assertEqual((runner.runs, run.seconds, run.is_disturbed), (runs, runs, False), spins)

    def test_the_limit_itself_is_not_slow(self):
        runner = CountingRunner([SLOW, SLOW, 99])
        self.assertFalse(runner.run(PAIR, None).is_disturbed)
        self.assertEqual((runner.runs, next(runner.program.spins)), (1, 99))

    def test_a_run_waits_for_a_fast_spin(self):
        runner = CountingRunner([SLOW + 0.01] * REPEATS + [1, 1, 99])
        self.assertFalse(runner.run(PAIR, None).is_disturbed)
        self.assertEqual((runner.runs, next(runner.program.spins)), (1, 99))

    def test_the_last_of_the_repeats_is_kept_and_marked(self):
        for spins, runs in (([2.0] * 100, 1), ([1.0, 2.0] * 100, 1 + REPEATS), ([2.0] * (1 + REPEATS), 1)):
            runner = CountingRunner(spins)
            run = runner.run(PAIR, None)
            self.assertEqual((runner.runs, run.seconds, run.is_disturbed), (runs, runs, True))


class Libraries(unittest.TestCase):
    def setUp(self):
        self.setup = json.loads(Path(SETUP).read_text())
        self.program = Program(self.setup["program"])

    def check(self, library):
        allocators.check(allocators.Allocator("peer", Path(library)), self.program)

    def test_hakmem_takes_the_place_of_malloc(self):
        self.check(self.setup["hakmem"])

    def test_what_debian_has_installed_takes_part(self):
        with unittest.mock.patch.dict(allocators.INSTALLED, {"none": "libnone.so.1"}):
            found = [allocator.name for allocator in allocators.installed(self.program)]
        there = [name for name, soname in allocators.INSTALLED.items() if list(Path("/usr/lib").glob(f"*/{soname}"))]
        self.assertEqual(found, there)

    def test_without_a_peer_debian_takes_part(self):
        for peers in ([], ["peer=/x.so"]):
            found = allocators.all_that_take_part(Path(self.setup["hakmem"]), peers, self.program)
            others = ["peer"] if peers else [allocator.name for allocator in allocators.installed(self.program)]
            self.assertEqual([allocator.name for allocator in found], ["system", "hakmem", *others])

    def test_what_cannot_be_preloaded_is_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            text, spaced = Path(directory) / "text.so", Path(directory) / "a b.so"
            text.write_text("no library")
            spaced.write_text("")
            for library, reason in ((f"{directory}/none", "there is no file"), (text, "cannot be preloaded"),
                                    (spaced, "a colon or a space"), (NO_MALLOC, "it has no malloc")):
                with self.assertRaisesRegex(Refusal, reason):
                    self.check(library)

    def test_system_calls_are_counted(self):
        tracer = Tracer()
        if tracer.missing:
            self.skipTest(tracer.missing)
        runner = Runner(self.setup["launcher"], self.program, Finder([]))
        count = tracer.count(runner, Row("true", 1, command=("true",)), allocators.Allocator("system", None))
        self.assertGreater(count, 10)  # the loader's alone


class CommandLine(unittest.TestCase):
    def run_tool(self, *options, setup=SETUP):
        return subprocess.run([sys.executable, TOOL, setup, *options], capture_output=True, text=True)

    def test_bad_options_are_refused_before_anything_runs(self):
        for option, reason in (("--rounds=0", "at least 1"), ("--rounds=many", "invalid int"),
                               ("--filter=(", "not a regular expression"), ("--filter=nothing", "matches none of"),
                               ("--programs=/nothing", "there is no such directory"),
                               ("--peer=alone", "NAME=LIBRARY"), ("--peer=hakmem=/x.so", "there is a hakmem already"),
                               ("--peer=peer=/nothing.so", "there is no file /nothing.so"),
                               ("--colour", "unrecognized arguments")):
            done = self.run_tool(option)
            self.assertNotEqual(done.returncode, 0, option)
            self.assertIn(reason, done.stderr)
            self.assertNotIn("Traceback", done.stderr)
            self.assertNotIn("round ", done.stderr)

    def test_help_needs_no_build(self):
        done = subprocess.run([Path(TOOL).parents[1] / "dev", "bench", "--help"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout.split()[:3]), (0, ["usage:", "./dev", "bench"]), done.stderr)
        self.assertIn("--programs", done.stdout)

    def write_rows(self, directory, text):
        """A setup over other rows."""
        (directory / "rows").write_text(text)
        setup = json.loads(Path(SETUP).read_text()) | {"rows": str(directory / "rows")}
        (directory / "setup").write_text(json.dumps(setup))
        return directory / "setup"

    @unittest.skipUnless(importlib.util.find_spec("matplotlib"), "needs matplotlib")
    def test_a_second_run_adds_a_round(self):
        with tempfile.TemporaryDirectory() as directory:
            for rounds in (1, 2):
                done = self.run_tool("--rounds=1", "--filter=^pair/1$", f"--out={directory}")
                self.assertEqual(done.returncode, 0, done.stderr)
                rows = json.loads((Path(directory) / "results.json").read_text())["rows"]
                self.assertEqual({len(row["seconds"]) for row in rows}, {rounds})
            self.assertIn("| pair | 1 |", (Path(directory) / "results.md").read_text())
            self.assertIn("<svg", (Path(directory) / "results.svg").read_text())

    @unittest.skipUnless(importlib.util.find_spec("matplotlib"), "needs matplotlib")
    def test_rows_run_where_their_programs_are(self):
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            setup = self.write_rows(directory, """
                [suite]
                kind = "real"
                [suite.rows]
                good = { command = "fake 2.5", figure = "figure ([0-9.]+)", threads = [1, 2] }
                bad = { command = "fake 1 preloaded", figure = "figure ([0-9.]+)" }
                none = { command = "no_such_program" }
                """)
            fake = directory / "fake"
            fake.write_text('#!/bin/sh\necho "figure $1"\n[ -z "$2" ] || [ -z "$LD_PRELOAD" ] || exit 3\n')
            fake.chmod(0o755)
            done = self.run_tool("--rounds=2", f"--programs={name}", f"--out={name}/out", setup=setup)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("left out, for there is no program no_such_program: suite/none/1", done.stderr)
            text = (directory / "out" / "results.md").read_text()
            self.assertRegex(text, r"\| suite/good \| 2 \| \*\*1.00\*\* .*\(2.5 s\)")
            self.assertRegex(text, r"\| suite/bad \| 1 \| \*\*1.00\*\* .*\(1 s\) \| failed")
            self.assertRegex(text, "- suite/bad/1 over hakmem: .*fake 1 preloaded ended with 3")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
