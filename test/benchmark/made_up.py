# SPDX-License-Identifier: MIT
"""Results that no machine gave, for tests; benchmark/compare is on the path already."""
from results import Results
from rows import Row
from runner import Run

PROGRAMS = {"larson": {"version": None, "sha256": "ef" * 32}}
PAIR = Row("pair", 1)
VARIANT = "HAKMEM_DIRTY_MIN=0"


def machine(**changes):
    facts = {"cpu": "a processor", "processors": 2, "memory_bytes": 2**30, "libc": "glibc 2.36", "date": "today"}
    library = {"name": "hakmem", "file": "libhakmem_malloc.so.0", "version": "0.1.0", "sha256": "ab" * 32}
    system = {"name": "system", "file": None, "version": None, "sha256": None}
    return facts | {"allocators": [system, library]} | changes


def row_of(name):
    benchmark, _, threads = name.rpartition("/")
    return Row(benchmark, int(threads), kind="real" if benchmark.startswith("real/") else "synthetic")


def results_of(seconds, **others):
    """`seconds`: name/threads → allocator → list of times."""
    results = Results(machine(), dict(PROGRAMS))
    for name, row in seconds.items():
        for allocator, times in row.items():
            for time in times:
                run = Run(time, others.get("rss", 2**20), 100, others.get("disturbed", False))
                results.add(row_of(name), allocator, run)
    return results
