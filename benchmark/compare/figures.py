# SPDX-License-Identifier: MIT
"""What the tables and the picture show: each allocator's figure, and its ratio to the least in the line."""
from math import exp, fsum, log

from allocators import HAKMEM
from rows import KINDS


def best_seconds(row):
    return min(row["seconds"], default=None)


def spread(row):
    """The slowest round's time over the fastest's."""
    return max(row["seconds"]) / min(row["seconds"]) if len(row["seconds"]) > 1 else None


def figure_of(name):
    return lambda row: row[name]


def lines(results, figure, names=None):
    """(benchmark, threads) → allocator → figure, for the lines that have any. Without `names`: all but variants."""
    found, names = {}, names or allocators_of(results)
    for (benchmark, threads, allocator), row in results.rows.items():
        value = figure(row)
        if value is not None and allocator in names:
            found.setdefault((benchmark, threads), {})[allocator] = value
    return found


def ratios(line):
    """To the least; None where that is nothing."""
    least = min(line.values())
    return {allocator: value / least if least else None for allocator, value in line.items()}


def geometric_mean(values):
    return exp(fsum(map(log, values)) / len(values))


def geometric_means(all_ratios, allocators):
    """allocator → mean over the lines that have all allocators; empty where there is no such line."""
    whole = [line for line in all_ratios if all(line.get(allocator) for allocator in allocators)]
    return {allocator: geometric_mean([line[allocator] for line in whole]) for allocator in allocators if whole}


def by_kind(results, all_lines):
    """Title → those of the lines: of each kind, then of all where there are several kinds."""
    kinds = {(row["benchmark"], row["threads"]): row["kind"] for row in results.rows.values()}
    parts = {kind: {key: line for key, line in all_lines.items() if kinds[key] == kind} for kind in KINDS}
    parts = {kind: part for kind, part in parts.items() if part}
    return parts | {"all": all_lines} if len(parts) > 1 else {"all": all_lines}


def beside(all_lines, peer, name=HAKMEM):
    """The figure of `name` over the peer's: the mean, in how many lines it is below 1, and the number of lines."""
    pairs = [(line[name], line[peer]) for line in all_lines.values() if line.get(name) and line.get(peer)]
    if not pairs:
        return None
    return geometric_mean([ours / theirs for ours, theirs in pairs]), sum(a < b for a, b in pairs), len(pairs)


def allocators_of(results):
    return [allocator["name"] for allocator in results.machine["allocators"] if not allocator.get("settings")]


def variants_of(results):
    """hakmem with other settings."""
    return [allocator["name"] for allocator in results.machine["allocators"] if allocator.get("settings")]
