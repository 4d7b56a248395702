# SPDX-License-Identifier: MIT
"""Reads the tables of made-up results.

usage: page_test.py <benchmark/compare> [test]...
"""
import sys
import unittest

sys.path.insert(0, sys.argv[1])

import behind  # noqa: E402 the path above comes first
from figures import beside, best_seconds, lines  # noqa: E402
from made_up import PAIR, VARIANT, machine, results_of  # noqa: E402
from page import markdown  # noqa: E402
from rows import Row  # noqa: E402
from runner import Memory, Run  # noqa: E402
from table import beside_table, readable_seconds, spread_table, table  # noqa: E402


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


class Behind(unittest.TestCase):
    def test_a_time_is_named_that_is_longer_in_most_rounds(self):
        results = results_of({"pair/1": {"system": [1.0, 1.0, 1.0, 1.0], "hakmem": [1.1, 1.2, 1.3, 0.9]},
                              "bulk/1": {"system": [1.0, 1.1, 2.0, 2.0], "hakmem": [1.1, 1.2, 2.2, 1.9]},
                              "bulk/2": {"system": [1.0, 1.0], "peer": [0.5, 0.5], "hakmem": [0.6, 0.7]},
                              "bulk/4": {"system": [1.0, 1.0], "hakmem": [1.02, 1.02]},
                              "larson/1": {"system": [1.0, 1.0, 1.0], "hakmem": [2.0]},
                              "larson/2": {"system": [1.0, 2.0], "hakmem": [2.2, 1.0]}})
        results.machine["allocators"].append(dict(machine()["allocators"][0]) | {"name": "peer"})
        self.assertEqual(list(behind.slower(results)), [["bulk", 1, "system", "1.10", "1.06", "1.10", "1.10"],
                                                        ["bulk", 2, "peer", "1.20", "1.25", "1.30", "1.35"]])

    def test_a_peak_is_named_that_is_over_what_is_let_pass(self):
        results = results_of({f"pair/{threads}": {"system": [1.0], "hakmem": [1.0]} for threads in (1, 2, 4)})
        for threads, peak in ((1, 105), (2, 106), (4, 50)):  # MiB
            results.row(Row("pair", threads), "system")["peak_rss_bytes"] = 100 * 2**20
            results.row(Row("pair", threads), "hakmem")["peak_rss_bytes"] = peak * 2**20
        self.assertEqual(list(behind.larger(results, "Peak resident set")),
                         [["pair", 2, "system", "1.06", "106.0 MiB", "100.0 MiB"]])
        self.assertIn("| pair | 2 | system | 1.06 | 106.0 MiB | 100.0 MiB |", markdown(results))


class MemoryTable(unittest.TestCase):
    def test_it_is_there_once_memory_was_sampled(self):
        results = results_of({"pair/1": {"system": [2.0], "hakmem": [1.0]}})
        self.assertNotIn("Average resident set", markdown(results))
        for name, average in (("system", 4 * 2**20), ("hakmem", 2**20)):
            results.add_memory(PAIR, name, Memory(average, 3 * 2**20, []))
        text = markdown(results)
        self.assertIn("## Average resident set", text)
        self.assertIn("| pair | 1 | 4.00 (4.0 MiB) | **1.00** (1.0 MiB) |", text)
        self.assertIn("| pair | 1 | **1.00** (3.0 MiB) | **1.00** (3.0 MiB) |", text)
        self.assertIn("| average resident set, all | 0.25 (1 of 1) |", text)
        self.assertIn("Rounds apart that sampled memory: 1.", text)

    def test_times_are_not_shown_where_none_were_taken(self):
        results = results_of({})
        results.add_memory(PAIR, "hakmem", Memory(1, 1, []))
        self.assertNotIn("## Time", markdown(results))


class Settings(unittest.TestCase):
    def results(self, *others):
        results = results_of({"pair/1": {"hakmem": [1.0, 1.1], VARIANT: [0.5], "system": [0.1]},
                              "bulk/2": {"hakmem": [2.0], VARIANT: [4.0, 4.1], "system": [8.0]},
                              "bulk/4": {"hakmem": [2.0], VARIANT: [0.5], "system": [4.0]}})
        library = dict(machine()["allocators"][1]) | {"settings": {}}
        system = [allocator for allocator in machine()["allocators"] if allocator["name"] in others]
        variant = library | {"name": VARIANT, "settings": {"HAKMEM_DIRTY_MIN": "0"}}
        results.machine["allocators"] = [*system, library, variant]
        return results

    def test_each_stands_beside_none(self):
        text = markdown(self.results())
        self.assertIn("# hakmem with other settings", text)
        self.assertIn(f"| `{VARIANT}` | 0.63 (2 of 3) |", text)
        self.assertIn("### bulk, 2 threads\n\n| setting | time |", text)
        self.assertIn("| none | 1.00 (2 s) |", text)
        self.assertIn(f"| `{VARIANT}` | 2.00 (4 s) |", text)
        self.assertNotIn("beside each", text)

    def test_they_are_no_other_allocators(self):
        text = markdown(self.results("system"))
        self.assertIn("| benchmark | threads | system | hakmem |\n", text)
        self.assertIn("| pair | 1 | **1.00** (0.1 s) | 10.00 (1 s) |", text)
        self.assertIn("| bulk | 4 | 2.00 (4 s) | **1.00** (2 s) |", text)
        self.assertIn(f"| `{VARIANT}` | 0.50 (0.5 s) |", text)

    def test_what_failed_or_is_missing_is_no_ratio(self):
        results = self.results()
        for name in ("hakmem", VARIANT):
            results.row(Row("larson", 1), name)["failure"] = "it ended with 1"
        results.row(Row("pair", 1), VARIANT)["seconds"] = []
        text = markdown(results)
        self.assertIn(f"| `{VARIANT}` | failed |", text)
        self.assertIn(f"### pair, 1 thread\n\n| setting | time | peak resident set | page faults |\n"
                      f"|---|--:|--:|--:|\n| none | 1.00 ", text)
        self.assertIn(f"| `{VARIANT}` | – | 1.00 (1.0 MiB) |", text)

    def test_a_figure_without_a_ratio_is_not_bold(self):
        results = self.results()
        results.row(Row("pair", 1), "hakmem")["seconds"] = []
        self.assertIn(f"| `{VARIANT}` | – (0.5 s) |", markdown(results))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
