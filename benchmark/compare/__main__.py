#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures hakmem beside other allocators, each preloaded into a program that knows malloc alone; see README.md."""
import argparse
import importlib.util
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import allocators
import machine
from errors import Refusal
from program import Program, Tracer
from results import Results
from table import markdown


def parse_options(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__, allow_abbrev=False)
    parser.add_argument("setup", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=LIBRARY",
                        help="another allocator's library to preload; may be given several times")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="how often each benchmark runs (10)")
    parser.add_argument("--filter", default="", metavar="RE", help="only those with a match in benchmark/threads")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="where the results are, or come; by default a directory for this build of hakmem")
    return parser.parse_args(arguments)


def chosen_names(program, expression):
    names = program.names()
    try:
        chosen = [name for name in names if re.search(expression, name)]
    except re.error as error:
        raise Refusal(f"--filter={expression} is not a regular expression: {error}")
    if not chosen:
        raise Refusal(f"--filter={expression} matches none of: {' '.join(names)}")
    return chosen


def measure_round(results, program, names, competitors, first):
    """The allocators in turn for each name; `first` of them begins."""
    order = competitors[first:] + competitors[:first]
    for number, name in enumerate(names, 1):
        for allocator in order:
            results.add(name, allocator.name, program.run(name, allocator))
        print(f"  {number}/{len(names)} {name}", file=sys.stderr)


def count_system_calls(results, program, tracer, names, competitors):
    """Counts are not times, so these runs may share the processors."""
    open_rows = [(name, allocator) for name in names for allocator in competitors
                 if results.row(name, allocator.name)["memory_system_calls"] is None]
    with ThreadPoolExecutor(program.processors) as pool:
        counts = pool.map(lambda row: tracer.count(program, *row), open_rows)
        for (name, allocator), count in zip(open_rows, counts):
            results.row(name, allocator.name)["memory_system_calls"] = count


def write_all(results, directory, no_system_calls):
    from picture import draw

    results.save(directory / "results.json")
    (directory / "results.md").write_text(markdown(results, no_system_calls))
    draw(results, directory / "results.svg")


def prepare(options):
    """Checks everything before anything is measured."""
    if options.rounds < 1:
        raise Refusal(f"--rounds={options.rounds}: at least 1 is needed")
    setup = json.loads(options.setup.read_text())
    program = Program(setup["program"])
    names = chosen_names(program, options.filter)
    competitors = allocators.all_that_take_part(Path(setup["hakmem"]), options.peer, program)
    for allocator in competitors:
        allocators.check(allocator, program)
    if importlib.util.find_spec("matplotlib") is None:
        raise Refusal("results.svg needs matplotlib for this Python (Debian: apt-get install python3-matplotlib)")
    return setup, program, names, competitors


def open_results(directory, program, competitors):
    """Those that are there, or new ones."""
    facts = machine.facts(program.facts(None)[0]["compiler"], [allocator.facts() for allocator in competitors])
    digest = allocators.sha256(program.path)
    results = Results.load(directory / "results.json") or Results(facts, digest)
    results.take_over(facts, digest)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal(f"--out={directory}: {error.strerror}")
    program.fastest_spin = results.spin_seconds
    return results


def main(arguments):
    options = parse_options(arguments)
    setup, program, names, competitors = prepare(options)
    directory = options.out or options.setup.parent / f"results-{allocators.sha256(Path(setup['hakmem']))[:12]}"
    results = open_results(directory, program, competitors)
    tracer = Tracer()
    program.learn_speed(names)
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        measure_round(results, program, names, competitors, results.rounds() % len(competitors))
        results.save(directory / "results.json")
    if not tracer.missing:
        print("counting system calls", file=sys.stderr)
        count_system_calls(results, program, tracer, names, competitors)
    write_all(results, directory, tracer.missing)
    print((directory / "results.md").read_text())
    print(f"In {directory}: results.md, results.svg, results.json")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Refusal as refusal:
        sys.exit(f"./dev bench: {refusal}")
    except KeyboardInterrupt:
        sys.exit("./dev bench: interrupted; the rounds that were finished are kept")
