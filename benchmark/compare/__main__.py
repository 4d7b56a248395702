#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures hakmem beside other allocators, each preloaded into a program that knows malloc alone; see README.md."""
import argparse
import importlib.util
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import allocators
import inputs
import machine
import rows
from errors import Failure, Refusal
from figures import allocators_of, best_seconds, figure_of, lines
from page import markdown
from program import Program
from results import Results
from runner import Runner, Tracer, order_of


def parse_options(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__, allow_abbrev=False,
                                     usage="%(prog)s [option]...")
    parser.add_argument("setup", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=LIBRARY",
                        help="another allocator's library to preload; may be given several times")
    parser.add_argument("--variant", action="append", default=[], metavar="OPTION=VALUE[,OPTION=VALUE]...",
                        help="hakmem with options set (docs/options.md), like HAKMEM_DIRTY_MIN=0; several times, too")
    parser.add_argument("--programs", action="append", default=[], type=Path, metavar="DIR",
                        help="where programs of benchmark/rows are that Debian does not have; several times, too")
    parser.add_argument("--memory", action="store_true",
                        help="time nothing; sample the resident set over time and after all is freed")
    parser.add_argument("--rounds", type=int, metavar="N",
                        help="how often each benchmark runs (10; with --memory 1)")
    parser.add_argument("--filter", default="", metavar="RE", help="only rows with a match in benchmark/threads")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="where the results are, or come; by default a directory for this build of hakmem")
    options = parser.parse_args(arguments)
    if options.rounds is None:
        options.rounds = 1 if options.memory else 10
    return options


def attempt(results, row, allocator, measure):
    """A program that fails over one allocator leaves a gap in the table; the rest goes on."""
    try:
        return measure()
    except Failure as failure:
        results.row(row, allocator.name)["failure"] = str(failure)
        print(f"  {row.name} over {allocator.name} failed: {failure}", file=sys.stderr)


def measure_round(results, measure, add, chosen, competitors, number_of_round):
    """The allocators in turn for each row."""
    for number, row in enumerate(chosen, 1):
        for allocator in order_of(competitors, row, number_of_round):
            run = attempt(results, row, allocator, lambda: measure(row, allocator))
            if run:
                add(row, allocator.name, run)
        print(f"  {number}/{len(chosen)} {row.name}", file=sys.stderr)


def count_system_calls(results, runner, tracer, chosen, competitors):
    """Counts are not times, so these runs may share the processors."""
    missing = [(row, allocator) for row in chosen for allocator in competitors
               if results.row(row, allocator.name)["memory_system_calls"] is None]
    with ThreadPoolExecutor(len(runner.program.processors)) as pool:
        counts = pool.map(lambda pair: attempt(results, *pair, lambda: tracer.count(runner, *pair)), missing)
        for (row, allocator), count in zip(missing, counts):
            results.row(row, allocator.name)["memory_system_calls"] = count


def write_all(results, directory, no_system_calls):
    """The names of the files."""
    import curves
    import picture

    results.save(directory / "results.json")
    (directory / "results.md").write_text(markdown(results, no_system_calls))
    written = ["results.md", "results.json"]
    if len(allocators_of(results)) > 1 and lines(results, best_seconds):
        picture.draw(results, directory / "results.svg")
        written.append("results.svg")
    if lines(results, figure_of("rss_over_time")):
        curves.draw(results, directory / "memory.svg")
        written.append("memory.svg")
    return written


def rows_to_run(path, data, finder, expression):
    """Those that can run here; the others are named."""
    found, missing = finder.runnable(rows.chosen(rows.load(path, data), expression))
    for program, absent in missing.items():
        print(f"left out, for there is no program {program}: {' '.join(row.name for row in absent)}", file=sys.stderr)
    if not found:
        raise Refusal("none of these rows can run: give --programs, or install what is missing")
    return found


def prepare(options, data):
    """Checks everything before anything is measured."""
    if options.rounds < 1:
        raise Refusal(f"--rounds={options.rounds}: at least 1 is needed")
    setup = {key: Path(value) for key, value in json.loads(options.setup.read_text()).items()}
    program = Program(setup["program"])
    finder = rows.Finder([setup["program"].parent, *options.programs])
    chosen = rows_to_run(setup["rows"], data, finder, options.filter)
    competitors = allocators.all_that_take_part(setup["hakmem"], options.peer, options.variant, program)
    for allocator in competitors:
        allocators.check(allocator, program)
    if importlib.util.find_spec("matplotlib") is None:
        raise Refusal("the pictures need matplotlib for this Python (Debian: apt-get install python3-matplotlib)")
    return setup, Runner(setup["launcher"], program, finder), chosen, competitors


def facts_of_programs(finder, chosen, rows_file):
    files = {name: finder.find(name) for row in chosen for name in row.programs} | {"benchmark/rows": rows_file}
    return {name: {"version": allocators.version_of(path), "sha256": allocators.sha256(path)}
            for name, path in files.items()}


def open_results(directory, setup, runner, chosen, competitors):
    """Those that are there, or new ones."""
    compiler = runner.program.facts(None)[0]["compiler"]
    facts = machine.facts(compiler, [allocator.facts() for allocator in competitors])
    programs = facts_of_programs(runner.finder, chosen, setup["rows"])
    results = Results.load(directory / "results.json") or Results(facts, programs)
    results.take_over(facts, programs)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal(f"--out={directory}: {error.strerror}")
    runner.program.fastest_spin = results.spin_seconds
    return results


def measure_time(options, results, runner, chosen, competitors, save):
    """Gives the reason why some system calls are not counted, or None."""
    tracer = Tracer()
    runner.program.learn_speed(chosen)
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        measure_round(results, runner.run, results.add, chosen, competitors, results.rounds())
        save()
    if not tracer.missing:
        print("counting system calls", file=sys.stderr)
        count_system_calls(results, runner, tracer, chosen, competitors)
    return tracer.missing


def measure_memory(options, results, runner, chosen, competitors, save):
    for number in range(options.rounds):
        print(f"sampling memory, round {number + 1} of {options.rounds}", file=sys.stderr)
        measure_round(results, runner.sample_memory, results.add_memory, chosen, competitors, number)
        save()


def compare(options, data):
    setup, runner, chosen, competitors = prepare(options, data)
    directory = options.out or options.setup.parent / f"results-{allocators.sha256(setup['hakmem'])[:12]}"
    results = open_results(directory, setup, runner, chosen, competitors)
    inputs.make(sorted({name for row in chosen for name in row.input}), data)
    measure = measure_memory if options.memory else measure_time
    no_system_calls = measure(options, results, runner, chosen, competitors,
                              lambda: results.save(directory / "results.json"))
    written = write_all(results, directory, no_system_calls)
    print((directory / "results.md").read_text())
    print(f"In {directory}: {', '.join(written)}")


def main(arguments):
    options = parse_options(arguments)
    with tempfile.TemporaryDirectory(prefix="hakmem_benchmark_") as data:
        compare(options, Path(data))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Refusal as refusal:
        sys.exit(f"./dev bench: {refusal}")
    except KeyboardInterrupt:
        sys.exit("./dev bench: interrupted; the rounds that were finished are kept")
