# SPDX-License-Identifier: MIT
"""Runs a row over an allocator, and tells what the run cost."""
import json
import random
import re
import subprocess
import tempfile
from dataclasses import dataclass

from errors import Failure
from execute import environment, execute

REPEATS = 5
MEMORY_CALLS = "mmap,munmap,madvise,mprotect,mremap,brk,process_madvise"


@dataclass
class Run:
    seconds: float
    peak_rss_bytes: int
    page_faults: int
    is_disturbed: bool = False


@dataclass
class Memory:
    """Of the largest program of a run. `rss_over_time`: pairs of seconds since it began and bytes."""

    average_rss_bytes: int
    rss_after_free_bytes: int
    rss_over_time: list


class Runner:
    """`launcher`: hakmem_benchmark_launch. `program`: for the machine's speed."""

    def __init__(self, launcher, program, finder):
        self.launcher = launcher
        self.program = program
        self.finder = finder

    def execute(self, row, prefix, directory, **variables):
        command = [*prefix, self.finder.find(row.command[0]), *row.command[1:]]
        variables |= {"HOME": str(directory)} | row.environment
        return execute(command, environment(self.finder.path, **variables), directory)[0]

    def launch(self, row, allocator, *options):
        """What the row's program prints, and the launcher's report."""
        processors = [] if row.pins_threads else self.program.processors_for(row.threads)
        with tempfile.TemporaryDirectory() as directory, tempfile.NamedTemporaryFile("r") as report:
            prefix = [self.launcher, *options, report.name, ",".join(map(str, processors)), allocator.library or ""]
            output = self.execute(row, prefix, directory, **allocator.settings)
            return output, json.load(report)

    def run_once(self, row, allocator):
        output, cost = self.launch(row, allocator)
        cost["seconds"] = row.seconds(output, cost["seconds"])
        if cost["seconds"] is None:
            raise Failure(f"{' '.join(row.command)} printed no figure like '{row.figure}'")
        return Run(**cost)

    def sample_memory(self, row, allocator):
        """A run whose time does not count, for it is interrupted."""
        output, report = self.launch(row, allocator, "--memory")
        after_free = row.bytes_after_free(output, report["exit_rss_bytes"])
        if after_free is None:
            raise Failure(f"{' '.join(row.command)} printed no bytes like '{row.after_free}'")
        return Memory(report["average_rss_bytes"], after_free, report["rss_over_time"])

    def run(self, row, allocator):
        """A run with a fast machine before and after it, or the last of the attempts at one.

        Where the machine is slow before it, the attempt ends there: its run would be thrown away.
        """
        is_fast = self.program.is_fast
        for repeat in range(1 + REPEATS):
            was_fast = is_fast(row.threads)
            if not was_fast and repeat < REPEATS:
                continue
            run = self.run_once(row, allocator)
            run.is_disturbed = not (is_fast(row.threads) and was_fast)
            if not run.is_disturbed:
                break
        return run


def order_of(competitors, row, number_of_round):
    """Another one in each round, for a run meets what the one before left of free memory; the same when run again."""
    return random.Random(f"{row.name} {number_of_round}").sample(competitors, len(competitors))


class Tracer:
    """Counts system calls with strace. `missing` is None, or why it cannot."""

    def __init__(self):
        self.command = []
        self.missing = None
        for options in (["--seccomp-bpf"], []):  # with it, strace stops the program at these calls only
            command = ["strace", *options, "-f", "-c", "-e", f"trace={MEMORY_CALLS}"]
            try:
                trial = subprocess.run([*command, "true"], capture_output=True, text=True)
            except FileNotFoundError:
                self.missing = "strace is not installed"
                return
            if trial.returncode == 0:
                self.command = command
                return
        self.missing = "strace may not trace here: " + (trial.stderr.strip().splitlines() or ["no reason given"])[0]

    def count(self, runner, row, allocator):
        preload = ["-E", f"LD_PRELOAD={allocator.library}"] if allocator.library else []
        with tempfile.TemporaryDirectory() as directory, tempfile.NamedTemporaryFile("r") as summary:
            runner.execute(row, [*self.command, "-o", summary.name, *preload], directory, **allocator.settings)
            total = re.search(r"^100\.00\s+\S+\s+\S+\s+(\d+).*\btotal$", summary.read(), re.MULTILINE)
        return int(total[1])
