# SPDX-License-Identifier: MIT
"""hakmem_benchmark_malloc: runs it over an allocator, and tells what the run cost."""
import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from errors import Refusal

SLOW = 1.25  # a fixed loop that took this many times the fastest one seen: the machine is disturbed
REPEATS = 5
SPINS_AT_START = 10
MEMORY_CALLS = "mmap,munmap,madvise,mprotect,mremap,brk,process_madvise"
QUICK = "HAKMEM_BENCHMARK_QUICK"  # see scaled() in workload.hpp


@dataclass
class Run:
    seconds: float
    peak_rss_bytes: int
    page_faults: int
    is_disturbed: bool = False


def threads_of(name):
    return int(name.rpartition("/")[2])


class Program:
    """`fastest_spin`: number of processors → least seconds that the fixed loop has taken on them."""

    def __init__(self, path):
        self.path = Path(path)
        self.processors = len(os.sched_getaffinity(0))
        self.fastest_spin = {}

    def execute(self, arguments, allocator=None, tracer=()):
        """Its standard output, its standard error, and its resource usage.

        An allocator's own environment variables stay outside, so that each runs as it comes.
        """
        environment = {name: os.environ[name] for name in ("PATH", QUICK) if name in os.environ}
        preload = allocator and allocator.library
        if preload and not tracer:
            environment["LD_PRELOAD"] = str(preload)
        elif preload:
            tracer = [*tracer, "-E", f"LD_PRELOAD={preload}"]
        command = [*tracer, str(self.path), *arguments]
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=errors)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            errors.seek(0)
            texts = output.read(), errors.read()
        if process.returncode != 0:
            over = f" over {allocator.name}" if allocator else ""
            raise Refusal(f"{' '.join(command)}{over} ended with {process.returncode}: {texts[1].strip()}")
        return *texts, usage

    def names(self):
        return self.execute(["--list"])[0].split()

    def facts(self, allocator):
        """Its compiler and the file of its malloc; and what was said on standard error, by the loader mostly."""
        output, errors, _ = self.execute(["--facts"], allocator)
        compiler, malloc_file = output.splitlines()
        return {"compiler": compiler, "malloc_file": malloc_file}, errors

    def learn_speed(self, names):
        for threads in {threads_of(name) for name in names}:
            for _ in range(SPINS_AT_START):
                self.is_fast(threads)

    def is_fast(self, threads):
        """Whether every processor that so many threads use now runs about as fast as it has run before."""
        processors = min(threads, self.processors)
        seconds = float(self.execute([f"--spin={processors}"])[0])
        fastest = min(seconds, self.fastest_spin.get(processors, seconds))
        self.fastest_spin[processors] = fastest
        return seconds <= SLOW * fastest

    def run_once(self, name, allocator):
        output, _, usage = self.execute([f"--run={name}"], allocator)
        said = json.loads(output)
        return Run(said["seconds"], int(said["peak_rss_bytes"]), usage.ru_minflt + usage.ru_majflt)

    def run(self, name, allocator):
        """A run with a fast machine before and after it, or the last of the attempts at one.

        Where the machine is slow before it, the attempt ends there: its run would be thrown away.
        """
        threads = threads_of(name)
        for repeat in range(1 + REPEATS):
            was_fast = self.is_fast(threads)
            if not was_fast and repeat < REPEATS:
                continue
            run = self.run_once(name, allocator)
            run.is_disturbed = not (self.is_fast(threads) and was_fast)
            if not run.is_disturbed:
                break
        return run


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

    def count(self, program, name, allocator):
        with tempfile.NamedTemporaryFile("r") as summary:
            program.execute([f"--run={name}"], allocator, [*self.command, "-o", summary.name])
            total = re.search(r"^100\.00\s+\S+\s+\S+\s+(\d+).*\btotal$", summary.read(), re.MULTILINE)
        return int(total[1])
