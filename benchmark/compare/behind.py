# SPDX-License-Identifier: MIT
"""The lines in which hakmem needs more than the best of the others, by more than is let pass."""
from statistics import quantiles

from allocators import HAKMEM
from figures import best_seconds, lines
from table import FIGURES, markdown_table, measured

SLOWER = 1.03  # what is let pass of time
MORE = {  # figure → what is let pass over the best, as text and as a function
    "Peak resident set": ("by over 5 % and 300 KiB", lambda best: best * 1.05 + 300 * 2**10),
    "Resident set after free": ("by over 5 % and 300 KiB", lambda best: best * 1.05 + 300 * 2**10),
    "Memory system calls": ("by over 10", lambda best: best + 10),
}


def beside_best(all_lines):
    """(benchmark, threads), hakmem's figure, the best other's name and figure; of the lines that have both."""
    for key, line in all_lines.items():
        others = {name: value for name, value in line.items() if name != HAKMEM}
        if HAKMEM in line and others:
            best = min(others, key=others.get)
            yield key, line[HAKMEM], best, others[best]


def ratios_of_rounds(results, key, best):
    """Rounds are taken in turn, so a slow spell of the machine is in both."""
    ours, theirs = (results.rows[(*key, name)]["seconds"] for name in (HAKMEM, best))
    return [mine / other for mine, other in zip(ours, theirs)] if len(ours) == len(theirs) else []


def slower(results):
    for key, ours, best, theirs in beside_best(lines(results, best_seconds)):
        rounds = ratios_of_rounds(results, key, best)
        if len(rounds) > 1:
            low, middle, high = quantiles(rounds, method="inclusive")
            if min(ours / theirs, low) > SLOWER:
                yield [*key, best, f"{ours / theirs:.2f}", f"{low:.2f}", f"{middle:.2f}", f"{high:.2f}"]


def larger(results, title):
    figure, readable, _ = FIGURES[title]
    _, let_pass = MORE[title]
    for key, ours, best, least in beside_best(lines(results, figure)):
        if ours > let_pass(least):
            yield [*key, best, f"{ours / least:.2f}" if least else "–", readable(ours), readable(least)]


def text(results):
    shown = measured(results)
    parts = ["## Where hakmem is behind\n"]
    if "Time" in shown:
        parts += [f"Time: by over {SLOWER - 1:.0%}, between the fastest rounds and in three quarters of all rounds. The "
                  "quartiles are of hakmem's time over the best other's in the same round.\n",
                  markdown_table(["benchmark", "threads", "best other", "fastest rounds", "lower quartile", "median",
                                  "upper quartile"], list(slower(results)))]
    for title in (title for title in MORE if title in shown):
        parts += [f"{title}: {MORE[title][0]}.\n",
                  markdown_table(["benchmark", "threads", "best other", "ratio", "hakmem", "best other's"],
                                 list(larger(results, title)))]
    return parts
