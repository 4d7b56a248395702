#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures how long single calls of malloc and free take over several allocators; see README.md."""
import argparse
import json
import sys
from pathlib import Path

import allocators
import machine
from errors import Failure, Refusal
from execute import environment, execute
from page import machine_text
from program import Program
from results import Results
from rows import SYSTEM_PATH
from table import markdown_table

ROWS = ["random_mixed/1", "random_mixed/2", "pool_tls/1", "replace_large_live_set/1", "bulk/1", "producer_consumer/2",
        "mid_large_mt/2", "larson/2", "thread_churn/2"]
QUANTILES = ["p50", "p90", "p99", "p99.9", "p99.99", "max"]
BOUNDED = "p99.9"
LIMITS = {"malloc": 500, "free": 400}  # ns, of BOUNDED


def parse_options(arguments):
    parser = argparse.ArgumentParser(prog="./dev latency", description=__doc__, allow_abbrev=False,
                                     usage="%(prog)s [option]...")
    parser.add_argument("setup", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=LIBRARY",
                        help="another allocator's library to preload; may be given several times")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="how often each row runs (10)")
    parser.add_argument("--out", type=Path, metavar="FILE",
                        help="where the tables come; by default latency.md in this build's directory")
    return parser.parse_args(arguments)


def lower(one, other):
    """Of two runs' figures the lower one each."""
    if one is None or other is None:
        return one or other
    return {call: {name: min(value, other[call][name]) for name, value in times.items()}
            for call, times in one.items()}


class Latencies:
    """(row, allocator) → call → quantile → ns, the lowest of the rounds; `step` is the clock's."""

    def __init__(self):
        self.times = {}
        self.step = 0
        self.failures = {}

    def add(self, row, allocator, run):
        self.step = max(self.step, run["step"])
        times = {call: {name: run[call][name] for name in QUANTILES} for call in ("nothing", *LIMITS)}
        self.times[row, allocator] = lower(times, self.times.get((row, allocator)))

    def line(self, call, row, quantile, names):
        return {name: self.times[row, name][call][quantile] for name in names if (row, name) in self.times}

    def floor(self, row, quantile, names):
        """What the clock alone takes, under whichever allocator."""
        return min(self.line("nothing", row, quantile, names).values(), default=None)


def run_once(program, row, allocator):
    preload = {"LD_PRELOAD": str(allocator.library)} if allocator.library else {}
    return json.loads(execute([program, row], environment(SYSTEM_PATH, **preload))[0])


def measure(latencies, program, competitors, rounds):
    """The allocators in turn for each row; in each round another one begins."""
    for number in range(rounds):
        first = number % len(competitors)
        for row in ROWS:
            for allocator in competitors[first:] + competitors[:first]:
                try:
                    latencies.add(row, allocator.name, run_once(program, row, allocator))
                except Failure as failure:
                    latencies.failures[row, allocator.name] = str(failure)
        print(f"round {number + 1} of {rounds}", file=sys.stderr)


def shown(nanoseconds):
    return "–" if nanoseconds is None else f"{nanoseconds:,.0f}" if nanoseconds >= 100 else f"{nanoseconds:.1f}"


def table(latencies, call, names):
    body = []
    for row in ROWS:
        for quantile in QUANTILES:
            line = latencies.line(call, row, quantile, names)
            near = min(line.values(), default=0) + latencies.step * 1.01
            cells = (f"**{shown(line[name])}**" if line.get(name, near + 1) <= near else shown(line.get(name))
                     for name in names)
            body.append([row, quantile, *cells, shown(latencies.floor(row, quantile, names))])
    return markdown_table(["benchmark", "", *names, "clock alone"], body)


def behind(latencies, call, names):
    """Where another is better by more than a step of the clock: row, quantile, hakmem's, the best, whose it is."""
    for row in ROWS:
        for quantile in QUANTILES[:-1]:
            line = latencies.line(call, row, quantile, names)
            best = min(line, key=line.get, default=None)
            if allocators.HAKMEM in line and line[allocators.HAKMEM] > line[best] + latencies.step * 1.01:
                yield row, quantile, shown(line[allocators.HAKMEM]), shown(line[best]), best


def over_limit(latencies, call, names):
    for row in ROWS:
        for name, nanoseconds in latencies.line(call, row, BOUNDED, names).items():
            if nanoseconds >= LIMITS[call]:
                yield f"{row} over {name}: {shown(nanoseconds)} ns"


def call_text(latencies, call, names):
    count = len(ROWS) * (len(QUANTILES) - 1)
    lines = list(behind(latencies, call, names))
    over = list(over_limit(latencies, call, names))
    text = [f"## {call}\n", table(latencies, call, names),
            f"hakmem is the best or within one step of the clock of it in {count - len(lines)} of {count} lines, each "
            "`max` left out.\n"]
    if lines:
        text.append(markdown_table(["behind", "", "hakmem", "best", "of"], lines))
    text.append(f"{BOUNDED} at or above {LIMITS[call]} ns: {'; '.join(over) or 'none'}.\n")
    return text


def markdown(latencies, rounds, names, facts):
    text = ["# How long single calls take\n",
            "In ns, of each call of `malloc` and of `free` while all threads are in the workload's timed loop, the "
            f"lowest of {rounds} rounds in turn for each figure. What the clock takes is in it: *clock alone* is the "
            "time of nothing, taken before each `malloc`, the lowest of all allocators. What interrupts a thread shows "
            f"there, too. The clock tells times in steps of {latencies.step:.2f} ns. **Bold**: the best of the line, and "
            "what is within one step of it.\n"]
    for call in LIMITS:
        text += call_text(latencies, call, names)
    text += [f"- failed: {row} over {name}: {why}\n" for (row, name), why in latencies.failures.items()]
    return "\n".join([*text, "## Machine\n", machine_text(Results(facts, {}))])


def make_writable(file):
    """Before anything is measured; what the file holds stays until then."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.open("a").close()
    except OSError as error:
        raise Refusal(f"--out={file}: {error.strerror}")


def main(arguments):
    options = parse_options(arguments)
    if options.rounds < 1:
        raise Refusal(f"--rounds={options.rounds}: at least 1 is needed")
    setup = json.loads(options.setup.read_text())
    program = Program(setup["program"])
    competitors = allocators.all_that_take_part(Path(setup["hakmem"]), options.peer, [], program)
    for allocator in competitors:
        allocators.check(allocator, program)
    facts = machine.facts(program.facts(None)[0]["compiler"], [allocator.facts() for allocator in competitors])
    out = options.out or options.setup.parent / "latency.md"
    make_writable(out)
    latencies = Latencies()
    measure(latencies, setup["latency"], competitors, options.rounds)
    text = markdown(latencies, options.rounds, [allocator.name for allocator in competitors], facts)
    out.write_text(text)
    print(f"{text}\nIn {out}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Refusal as refusal:
        sys.exit(f"./dev latency: {refusal}")
    except KeyboardInterrupt:
        sys.exit("./dev latency: interrupted; nothing is written")
