# SPDX-License-Identifier: MIT
"""The facts without which the figures mean nothing."""
import datetime
import os
import platform
import re
from pathlib import Path

from execute import QUICK


def first_match(expression, path):
    try:
        found = re.search(expression, Path(path).read_text(), re.MULTILINE)
    except OSError:
        return None
    return found[1] if found else None


def facts(compiler, allocators):
    """`allocators`: the facts of each."""
    (hakmem_version,) = (allocator["version"] for allocator in allocators if allocator["name"] == "hakmem")
    return {
        "cpu": first_match(r"^model name\s*:\s*(.*)$", "/proc/cpuinfo") or platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "compiler": compiler,
        "transparent_huge_pages": first_match(r"\[(\w+)\]", "/sys/kernel/mm/transparent_hugepage/enabled"),
        "work": "a small part, as a test" if QUICK in os.environ else "all",
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "hakmem": hakmem_version,
        "allocators": allocators,
    }
