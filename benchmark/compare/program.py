# SPDX-License-Identifier: MIT
"""hakmem_benchmark_malloc: what it says of an allocator and of the machine's speed."""
import os
from pathlib import Path

from errors import Failure, Refusal
from execute import environment, execute
from rows import SYSTEM_PATH

SLOW = 1.25  # a fixed loop that took this many times the fastest one seen: the machine is disturbed
SPINS_AT_START = 10


class Program:
    """`fastest_spin`: number of processors → least seconds that the fixed loop has taken on them."""

    def __init__(self, path):
        self.path = Path(path)
        self.processors = sorted(os.sched_getaffinity(0))
        self.fastest_spin = {}

    def ask(self, option, allocator=None):
        preload = {"LD_PRELOAD": str(allocator.library)} | allocator.settings if allocator else {}
        try:
            return execute([self.path, option], environment(SYSTEM_PATH, **preload))
        except Failure as failure:
            raise Refusal(str(failure))

    def workloads(self):
        return self.ask("--list")[0].split()

    def facts(self, allocator):
        """Its compiler and the file of its malloc; and what was said on standard error, by the loader mostly."""
        output, errors = self.ask("--facts", allocator)
        compiler, malloc_file = output.splitlines()
        return {"compiler": compiler, "malloc_file": malloc_file}, errors

    def processors_for(self, threads):
        return self.processors[:threads]

    def learn_speed(self, rows):
        for threads in {row.threads for row in rows}:
            for _ in range(SPINS_AT_START):
                self.is_fast(threads)

    def is_fast(self, threads):
        """Whether every processor that so many threads use now runs about as fast as it has run before."""
        processors = len(self.processors_for(threads))
        seconds = float(self.ask(f"--spin={processors}")[0])
        fastest = min(seconds, self.fastest_spin.get(processors, seconds))
        self.fastest_spin[processors] = fastest
        return seconds <= SLOW * fastest
