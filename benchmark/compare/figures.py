# SPDX-License-Identifier: MIT
"""What the table and the picture show: each allocator's figure, and its ratio to the least in the line."""
from math import exp, fsum, log


def best_seconds(row):
    return min(row["seconds"], default=None)


def figure_of(name):
    return lambda row: row[name]


def lines(results, figure):
    """(benchmark, threads) → allocator → figure, for the lines that have any."""
    found = {}
    for (benchmark, threads, allocator), row in results.rows.items():
        value = figure(row)
        if value is not None:
            found.setdefault((benchmark, threads), {})[allocator] = value
    return found


def ratios(line):
    """To the least; None where that is nothing."""
    least = min(line.values())
    return {allocator: value / least if least else None for allocator, value in line.items()}


def geometric_means(all_ratios, allocators):
    """allocator → mean over the lines that have all allocators; empty where there is no such line."""
    whole = [line for line in all_ratios if all(line.get(allocator) for allocator in allocators)]
    return {allocator: exp(fsum(log(line[allocator]) for line in whole) / len(whole))
            for allocator in allocators if whole}


def allocators_of(results):
    return [allocator["name"] for allocator in results.machine["allocators"]]
