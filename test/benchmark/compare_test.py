# SPDX-License-Identifier: MIT
"""Adds rounds, runs a row of its own, and gives benchmark/compare what it must refuse.

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
from errors import Failure, Refusal  # noqa: E402
from made_up import PAIR, PROGRAMS, VARIANT, machine, results_of, row_of  # noqa: E402
from program import SLOW, Program  # noqa: E402
from results import DRAWN, POINTS, Results  # noqa: E402
from rows import Finder, Row  # noqa: E402
from runner import REPEATS, Memory, Run, Runner, Tracer, order_of  # noqa: E402


class Turns(unittest.TestCase):
    def test_each_round_has_an_order_of_its_own(self):
        names = list("abcdefgh")
        orders = [order_of(names, PAIR, number) for number in range(4)]
        self.assertEqual([sorted(order) for order in orders], [names] * 4)
        self.assertEqual(len({tuple(order) for order in orders}), 4)
        self.assertNotEqual(order_of(names, Row("bulk", 1), 0), orders[0])
        self.assertEqual(order_of(names, PAIR, 0), orders[0])


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

    def test_memory_stands_beside_times(self):
        results = results_of({"pair/1": {"hakmem": [1.0]}})
        for average in (10, 40, 20):
            results.add_memory(PAIR, "hakmem", Memory(average, average + 1, [[0, 1], [1, 2]]))
        row = self.reload(results).row(PAIR, "hakmem")
        self.assertEqual((row["average_rss_bytes"], row["rss_after_free_bytes"], row["seconds"]), (20, 21, [1.0]))
        self.assertEqual((row["average_rss_bytes_of_rounds"], row["rss_over_time"]), ([10, 40, 20], None))

    def test_of_a_drawn_row_the_highest_samples_and_the_last_are_kept(self):
        row, samples = row_of(DRAWN[-1]), [[n / 1000, n % 100] for n in range(10 * POINTS)] + [[3.0, 0]]
        results = results_of({})
        results.add_memory(row, "hakmem", Memory(1, 1, samples))
        kept = results.row(row, "hakmem")["rss_over_time"]
        self.assertLessEqual(len(kept), POINTS + 1)
        self.assertEqual((max(size for _, size in kept), kept[-1], kept), (99, [3.0, 0], sorted(kept)))
        results.add_memory(row, "hakmem", Memory(1, 1, [[0, 1], [0.1, 2]]))
        self.assertEqual(results.row(row, "hakmem")["rss_over_time"], [[0, 1], [0.1, 2]])

    def test_a_row_without_memory_is_read(self):
        results = results_of({"pair/1": {"hakmem": [1.0]}})
        del results.row(PAIR, "hakmem")["average_rss_bytes"]
        self.assertIsNone(self.reload(results).row(PAIR, "hakmem")["average_rss_bytes"])

    def test_a_file_of_something_else_is_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "results.json"
            for content in ("", "[]", '{"machine": {}}'):
                path.write_text(content)
                with self.assertRaisesRegex(Refusal, "not a file of ./dev bench"):
                    Results.load(path)


class ScriptedProgram(Program):
    """Spins take the seconds given, one after the other; then the machine is fast."""

    def __init__(self, spins):
        super().__init__("/nothing")
        self.spins = iter(spins)
        self.fastest_spin = {1: 1.0}

    def ask(self, option, allocator=None):
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
            found = allocators.all_that_take_part(Path(self.setup["hakmem"]), peers, [], self.program)
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

    def test_variants_stand_beside_hakmem_alone_or_with_peers(self):
        for peers, others in (([], ["hakmem"]), (["peer=/x.so"], ["system", "hakmem", "peer"])):
            found = allocators.all_that_take_part(Path("/h.so"), peers, [VARIANT], self.program)
            self.assertEqual([allocator.name for allocator in found], [*others, VARIANT])
            self.assertEqual((found[-1].library, found[-1].settings), (Path("/h.so"), {"HAKMEM_DIRTY_MIN": "0"}))

    def test_a_variant_may_have_several_options(self):
        variant = allocators.parse_variant("HAKMEM_BUDGET=1G,2G,HAKMEM_THP=never", Path("/h.so"))
        self.assertEqual(variant.settings, {"HAKMEM_BUDGET": "1G,2G", "HAKMEM_THP": "never"})

    def test_a_variant_s_settings_reach_the_program(self):
        runner = Runner(self.setup["launcher"], self.program, Finder([]))
        variant = allocators.parse_variant(VARIANT, self.setup["hakmem"])
        row = Row("show", 1, command=("sh", "-c", "echo is $HAKMEM_DIRTY_MIN; echo left 7"), figure="is (0)",
                  after_free="left ([0-9]+)")
        self.assertIn("is 0\n", runner.launch(row, variant)[0])
        self.assertEqual(runner.sample_memory(row, variant).rss_after_free_bytes, 7)

    def test_a_program_that_does_not_say_what_is_left_has_failed(self):
        runner = Runner(self.setup["launcher"], self.program, Finder([]))
        row = Row("true", 1, command=("true",), after_free="left ([0-9]+)")
        with self.assertRaisesRegex(Failure, "true printed no bytes like 'left"):
            runner.sample_memory(row, allocators.Allocator("system", None))

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
                               ("--variant=DIRTY_MIN=0", "HAKMEM_OPTION=VALUE"),
                               ("--variant=HAKMEM_THP", "HAKMEM_OPTION=VALUE"),
                               ("--variant=HAKMEM_THP=auto,HAKMEM_THP=never", "each option once"),
                               ("--variant=HAKMEM_THP=never --variant=HAKMEM_THP=never", "is given twice"),
                               ("--variant=HAKMEM_DIRTY=0", "option HAKMEM_DIRTY ignored: no such option"),
                               ("--variant=HAKMEM_DIRTY_MIN=-1", "HAKMEM_DIRTY_MIN ignored: not a value it can take"),
                               ("--memory --rounds=0", "at least 1"), ("--memory=all", "ignored explicit argument"),
                               ("--colour", "unrecognized arguments")):
            done = self.run_tool(*option.split())
            self.assertNotEqual(done.returncode, 0, option)
            self.assertIn(reason, done.stderr)
            self.assertNotIn("Traceback", done.stderr)
            self.assertNotIn("round ", done.stderr)

    def test_help_needs_no_build(self):
        done = subprocess.run([Path(TOOL).parents[1] / "dev", "bench", "--help"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout.split()[:3]), (0, ["usage:", "./dev", "bench"]), done.stderr)
        for option in ("--programs", "--memory", "--variant"):
            self.assertIn(option, done.stdout)

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
    def test_memory_is_sampled_apart_and_drawn(self):
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            for options, seconds, files in ((["--memory"], 0, ["memory.svg"]),
                                            (["--rounds=1"], 1, ["memory.svg", "results.svg"])):
                done = self.run_tool(*options, "--filter=^bulk/1$", f"--out={name}")
                self.assertEqual(done.returncode, 0, done.stderr)
                rows = json.loads((directory / "results.json").read_text())["rows"]
                self.assertEqual({len(row["seconds"]) for row in rows}, {seconds})
                self.assertEqual({len(row["average_rss_bytes_of_rounds"]) for row in rows}, {1})
                self.assertEqual(sorted(path.name for path in directory.glob("*.svg")), files)
            self.assertGreater(min(len(row["rss_over_time"]) for row in rows), 1)
            self.assertIn("## Resident set after free", (directory / "results.md").read_text())
            drawn = (directory / "memory.svg").read_text()
            for text in ("bulk, 1 thread", ">system<", ">hakmem<"):
                self.assertIn(text, drawn)

    @unittest.skipUnless(importlib.util.find_spec("matplotlib"), "needs matplotlib")
    def test_a_variant_is_measured_beside_hakmem(self):
        with tempfile.TemporaryDirectory() as name:
            done = self.run_tool("--rounds=1", "--filter=^bulk/1$", f"--variant={VARIANT}", f"--out={name}")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"| `{VARIANT}` | ", (Path(name) / "results.md").read_text())
            self.assertFalse((Path(name) / "results.svg").exists())

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
