#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs each workload over hakmem and the system's malloc in turn, each in a process of its own; see README.md."""
import argparse
import json
import os
import platform
import re
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from statistics import median

ALLOCATORS = ("hakmem", "system")
SLOW = 1.15  # a calibration that took this many times the fastest one seen
REPEATS = 3
CALIBRATIONS_AT_START = 10

Workload = namedtuple("Workload", "benchmark threads names")  # names: allocator → name in hakmem_benchmark
Run = namedtuple("Run", "seconds processor_seconds page_faults peak_rss_bytes calibrated")  # the first three per item


class Program:
    """hakmem_benchmark on this machine, and how fast the machine has been."""

    def __init__(self, path):
        self.path = path
        self.fastest_calibration = {}  # number of processors → seconds

    def output(self, *arguments):
        return subprocess.run([self.path, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout

    def workloads(self, expression):
        """All workloads, or those of which a name holds a match of the regular expression."""
        found = {}
        for name in self.output("--benchmark_list_tests=true").split():
            if re.search(expression, name):
                rest, threads = name.removesuffix("/real_time").rsplit("/threads:", 1)
                parts = rest.removesuffix("/real_time").split("/")
                benchmark = "/".join(part for part in parts if part not in ALLOCATORS)
                (allocator,) = (part for part in parts if part in ALLOCATORS)
                workload = Workload(benchmark, int(threads), {})
                found.setdefault((benchmark, int(threads)), workload).names[allocator] = name
        return list(found.values())

    def is_fast(self, threads):
        """Whether every processor that so many threads use now runs as fast as it has run before."""
        processors = min(threads, len(os.sched_getaffinity(0)))
        seconds = float(self.output(f"--calibrate={processors}"))
        fastest = min(seconds, self.fastest_calibration.get(processors, seconds))
        self.fastest_calibration[processors] = fastest
        return seconds <= SLOW * fastest

    def run_once(self, name):
        text = self.output(f"--benchmark_filter=^{re.escape(name)}$", "--benchmark_format=json")
        (row,) = json.loads(text)["benchmarks"]
        items = row["items"]
        return Run(1 / row["items_per_second"], row["processor_seconds"] / items, row["page_faults"] / items,
                   row["peak_rss_bytes"], None)

    def run(self, name, threads):
        """A run with a fast machine before and after, or the last of the attempts at one."""
        for _ in range(1 + REPEATS):
            fast_before = self.is_fast(threads)
            run = self.run_once(name)
            if self.is_fast(threads) and fast_before:
                return run._replace(calibrated=True)
        return run._replace(calibrated=False)

    def facts(self):
        """The machine, and what the program says about itself."""
        text = self.output("--benchmark_filter=^pair/system/16/.*threads:1$", "--benchmark_min_time=0.001",
                           "--benchmark_format=json")
        context = json.loads(text)["context"]
        models = re.findall(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        return {
            "cpu": models[0] if models else platform.machine(),
            "processors": len(os.sched_getaffinity(0)),
            "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
            "kernel": platform.release(),
            "libc": " ".join(platform.libc_ver()),
            "compiler": context["compiler"],
            "hakmem": context["hakmem"],
            "date": context["date"],
        }


def measure(program, workloads, rounds):
    """(workload, allocator) → runs, one a round; the allocators in turn, each first in every second round."""
    runs = {(w.benchmark, w.threads, allocator): [] for w in workloads for allocator in ALLOCATORS}
    for round_number in range(rounds):
        order = ALLOCATORS if round_number % 2 == 0 else ALLOCATORS[::-1]
        for i, workload in enumerate(workloads):
            progress = f"round {round_number + 1}/{rounds}, {i + 1}/{len(workloads)} {workload.benchmark}"
            print(f"{progress}, threads: {workload.threads}", file=sys.stderr)
            for allocator in order:
                run = program.run(workload.names[allocator], workload.threads)
                runs[workload.benchmark, workload.threads, allocator].append(run)
    return runs


def json_rows(runs):
    return [{
        "benchmark": benchmark,
        "threads": threads,
        "allocator": allocator,
        "seconds": [run.seconds for run in row],
        "processor_seconds": [run.processor_seconds for run in row],
        "calibrated": [run.calibrated for run in row],
        "peak_rss_bytes": median(run.peak_rss_bytes for run in row),
        "page_faults": median(run.page_faults for run in row),
    } for (benchmark, threads, allocator), row in runs.items()]


def readable_time(seconds):
    for unit, factor in (("ns", 1e9), ("µs", 1e6)):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e3:.3g} ms"


def table_line(benchmark, threads, hakmem, system):
    speedups = [s.seconds / h.seconds for h, s in zip(hakmem, system)]
    time_hakmem, time_system = (readable_time(median(run.seconds for run in runs)) for runs in (hakmem, system))
    rss = median(r.peak_rss_bytes for r in hakmem) / median(r.peak_rss_bytes for r in system)
    faults_hakmem, faults_system = (median(run.page_faults for run in runs) for runs in (hakmem, system))
    slow_count = sum(not run.calibrated for run in hakmem + system)
    speed = f"**{median(speedups):.2f}** ({min(speedups):.2f}–{max(speedups):.2f}){'~' * (slow_count > 0)}"
    fastest = min(run.seconds for run in system) / min(run.seconds for run in hakmem)
    processor = min(run.processor_seconds for run in system) / min(run.processor_seconds for run in hakmem)
    cells = (benchmark, threads, time_hakmem, time_system, speed, f"{fastest:.2f}", f"{processor:.2f}",
             f"{rss:.2f}", f"{faults_hakmem:.3g}", f"{faults_system:.3g}")
    return "| " + " | ".join(map(str, cells)) + " |"


def table(runs):
    columns = ("benchmark", "threads", "hakmem", "system", "speed-up", "of fastest", "processor time", "peak RSS",
               "faults, hakmem", "faults, system")
    lines = ["| " + " | ".join(columns) + " |", "|---" + "|--:" * (len(columns) - 1) + "|"]
    for benchmark, threads in dict.fromkeys(key[:2] for key in runs):
        lines.append(table_line(benchmark, threads, *(runs[benchmark, threads, name] for name in ALLOCATORS)))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="how often each benchmark runs (default 5)")
    parser.add_argument("--filter", default="", metavar="RE", help="only names that hold a match")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where results.json goes")
    options = parser.parse_args()

    program = Program(options.program)
    workloads = [w for w in program.workloads(options.filter) if len(w.names) == len(ALLOCATORS)]
    if not workloads or options.rounds < 1:
        parser.error("nothing to run: no benchmark matches over both allocators, or no rounds")
    for threads in {workload.threads for workload in workloads}:
        for _ in range(CALIBRATIONS_AT_START):
            program.is_fast(threads)
    machine = program.facts()
    runs = measure(program, workloads, options.rounds)

    options.out.mkdir(parents=True, exist_ok=True)
    results = {"machine": machine, "rows": json_rows(runs)}
    (options.out / "results.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    print(table(runs))


if __name__ == "__main__":
    main()
