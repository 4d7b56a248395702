# SPDX-License-Identifier: MIT
"""Reads lists of rows, and makes their inputs.

usage: rows_test.py <benchmark/compare> <its setup> [test]...
"""
import json
import sys
import tempfile
import unittest
from pathlib import Path

TOOL, SETUP = sys.argv[1:3]
sys.path.insert(0, TOOL)

import inputs  # noqa: E402 the path above comes first
import rows  # noqa: E402
from errors import Failure, Refusal  # noqa: E402
from execute import environment, execute  # noqa: E402
from program import Program  # noqa: E402

SETUP = json.loads(Path(SETUP).read_text())


class RowsFile(unittest.TestCase):
    def load(self, text):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "rows"
            path.write_text(text)
            return rows.load(path, Path("/data"))

    def test_a_row_is_one_for_each_number_of_threads(self):
        found = self.load("""
            [suite]
            kind = "real"
            items = 8
            [suite.rows.a]
            threads = [1, 4]
            command = "{row} -t {threads} '{work} times' {data}"
            work = [7, 5]
            """)
        self.assertEqual([row.name for row in found], ["suite/a/1", "suite/a/4"])
        self.assertEqual(found[1].command, ("a", "-t", "4", "5 times", "/data"))
        self.assertEqual((found[1].kind, found[1].items), ("real", 8))

    def test_mistakes_are_named_with_their_place(self):
        row = '[s]\nkind = "real"\n[s.rows.a]\ncommand = "a"\n'
        for text, reason in (("[s", "Expected ']'"), ("[s]\n", "s: there is no 'rows'"),
                             (row.replace("command", "comand"), "s.rows.a: there is no 'command'"),
                             (row.replace('"a"', '"{data} {thread}"'), "s.rows.a: there is no 'thread'"),
                             (row.replace("real", "unreal"), "s.rows.a: kind is none of"),
                             (row + "colour = 1", "s.rows.a: .*'colour'"),
                             (row + "work = [1, 2]", "s.rows.a: there are not as many of work"),
                             (row + "figure = '('", "s.rows.a: missing"),
                             (row + "figure = 'a'", "s.rows.a: figure has not one group"),
                             (row + "after_free = 'a'", "s.rows.a: after_free has not one group")):
            with self.assertRaisesRegex(Refusal, reason):
                self.load(text)

    def test_the_list_is_whole(self):
        found = rows.load(Path(SETUP["rows"]), Path("/data"))
        own = sorted({row.benchmark for row in found if row.suite == rows.OWN})
        self.assertEqual(own, sorted(Program(SETUP["program"]).workloads()))
        self.assertEqual(len({row.name for row in found}), len(found))
        self.assertLessEqual({name for row in found for name in row.input}, set(inputs.MAKERS))
        for word in (word for row in found for word in row.command if "benchmark/programs" in word):
            self.assertTrue(Path(word.removeprefix(".read ")).is_file(), word)


class Figure(unittest.TestCase):
    def test_time_is_the_whole_run_s_or_what_the_program_says(self):
        self.assertEqual(rows.Row("a", 1).seconds("time 3", 2.5), 2.5)
        self.assertEqual(rows.Row("a", 1, figure="time ([0-9.]+)").seconds("time 3", 2.5), 3)
        self.assertEqual(rows.Row("a", 1, figure="rate ([0-9]+)", items=10).seconds("rate 4", 2.5), 2.5)

    def test_without_a_figure_there_is_no_time(self):
        for output in ("", "time 0.0"):
            self.assertIsNone(rows.Row("a", 1, figure="time ([0-9.]+)").seconds(output, 2.5))


class AfterFree(unittest.TestCase):
    def test_it_is_what_the_program_says_or_what_it_exits_with(self):
        self.assertEqual(rows.Row("a", 1).bytes_after_free("left 3", 4096), 4096)
        row = rows.Row("a", 1, after_free="left ([0-9]+)")
        self.assertEqual(row.bytes_after_free("left 0", 4096), 0)
        self.assertIsNone(row.bytes_after_free("", 4096))

    def test_the_project_s_own_say_it(self):
        output = execute([SETUP["program"], "--run=bulk/2"], environment(rows.SYSTEM_PATH))[0]
        (row,) = rows.chosen(rows.load(Path(SETUP["rows"]), Path("/data")), "^bulk/2$")
        self.assertGreater(row.bytes_after_free(output, None), 2**20)


class Inputs(unittest.TestCase):
    def test_they_are_the_same_each_time(self):
        names = ["random.pla", "functions.c"]
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            for directory in (first, second):
                inputs.make(names, Path(directory))
            for name in names:
                self.assertEqual((Path(first) / name).read_bytes(), (Path(second) / name).read_bytes())

    def test_an_unknown_one_is_refused(self):
        with self.assertRaisesRegex(Refusal, "no input 'nothing'; there are: random.pla"):
            inputs.make(["nothing"], Path("/"))


class Execute(unittest.TestCase):
    def run_script(self, script, **limit):
        return execute(["sh", "-c", script], environment(rows.SYSTEM_PATH), **limit)

    def test_what_it_prints_comes_back(self):
        self.assertEqual(self.run_script("echo out; echo err >&2"), ("out\n", "err\n"))

    def test_a_bad_end_is_a_failure(self):
        for script, reason in (("echo why >&2; exit 3", "ended with 3: why"), ("kill -9 $$", "ended with -9")):
            with self.assertRaisesRegex(Failure, reason):
                self.run_script(script)

    def test_what_takes_too_long_is_ended(self):
        with self.assertRaisesRegex(Failure, "took over 0.1 s"):
            self.run_script("sleep 50", limit_seconds=0.1)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
