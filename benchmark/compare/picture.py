# SPDX-License-Identifier: MIT
"""results.svg: time and peak resident set of each allocator in each row, as ratios to the least of the row."""
from math import log

import matplotlib
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from allocators import HAKMEM
from figures import allocators_of, best_seconds, by_kind, figure_of, geometric_means, lines, ratios

LABEL_INCHES, CELL_INCHES, LINE_INCHES, GAP_INCHES, HEAD_INCHES = 2.35, 0.53, 0.175, 0.25, 0.72
GAP = 0.5  # between suites and before the means, in lines
INK, FAINT, PAPER, HAKMEM_COLOUR = "#24292f", "#8c959f", "#ffffff", "#d1480f"
SVG = {"svg.hashsalt": "hakmem", "svg.fonttype": "none", "font.family": "DejaVu Sans"}
PANELS = (("Time", best_seconds), ("Peak resident set", figure_of("peak_rss_bytes")))
# Ratio → colour, logarithmic in between; what is above the last is coloured as that.
COLOURS = ((1, "#7cc68d"), (1.1, "#c4e6c9"), (1.3, "#f3f6ef"), (2, "#fbe0b0"), (4, "#f3a06f"), (10, "#d9635a"))


def colour_map():
    largest = COLOURS[-1][0]
    stops = [(log(ratio) / log(largest), colour) for ratio, colour in COLOURS]
    colours = LinearSegmentedColormap.from_list("ratios", stops)
    return lambda ratio: colours(log(min(ratio, largest)) / log(largest))


def readable_ratio(ratio):
    return f"{ratio:.2f}" if ratio < 9.95 else f"{ratio:.0f}"


def positions(results, keys):
    """key → its line, downwards, with a gap before each suite; and how many lines there are then."""
    suites = {(row["benchmark"], row["threads"]): row["suite"] for row in results.rows.values()}
    heights, height, last = {}, 0, None
    for key in keys:
        height += GAP if last not in (None, suites[key]) else 0
        heights[key] = height
        height, last = height + 1, suites[key]
    return heights, height + GAP


def draw_line(axes, height, line, allocators, colour_of, **style):
    for column, name in enumerate(allocators):
        ratio = line.get(name)
        if ratio:
            axes.add_patch(Rectangle((column, height), 1, 1, facecolor=colour_of(ratio), edgecolor=PAPER,
                                     linewidth=0.6))
        axes.text(column + 0.5, height + 0.54, readable_ratio(ratio) if ratio else "–", ha="center", va="center",
                  color=INK if ratio else FAINT, fontsize=7.5, **style)


def draw_panel(axes, title, results, all_ratios, allocators, heights, below):
    colour_of = colour_map()
    for key, line in all_ratios.items():
        draw_line(axes, heights[key], line, allocators, colour_of)
    for number, part in enumerate(by_kind(results, all_ratios).values()):
        draw_line(axes, below + number, geometric_means(part.values(), allocators), allocators, colour_of,
                  fontweight="bold")
    for column, name in enumerate(allocators):
        ink = {"color": HAKMEM_COLOUR, "fontweight": "bold"} if name == HAKMEM else {"color": INK}
        axes.text(column + 0.5, -0.35, name, ha="center", va="bottom", fontsize=7, **ink)
    if HAKMEM in allocators:
        axes.add_patch(Rectangle((allocators.index(HAKMEM), 0), 1, axes.get_ylim()[0], fill=False, linewidth=1.2,
                                 edgecolor=HAKMEM_COLOUR))
    axes.text(0, -1.75, title, ha="left", va="bottom", fontsize=10.5, fontweight="bold", color=INK)


def label_lines(axes, results, heights, below, all_ratios):
    beside = {"ha": "right", "va": "center", "fontsize": 8, "color": INK}
    last = None
    for (benchmark, threads), height in heights.items():
        axes.text(-0.12, height + 0.54, threads, **beside)
        if benchmark != last:
            axes.text(-0.5, height + 0.54, benchmark.replace("_", " "), **beside)
        last = benchmark
    for number, kind in enumerate(by_kind(results, all_ratios)):
        axes.text(-0.12, below + number + 0.54, f"geometric mean, {kind}", **(beside | {"fontweight": "bold"}))
    axes.text(-0.12, -0.35, "threads", **(beside | {"va": "bottom", "fontsize": 7, "color": FAINT}))


def draw(results, path):
    allocators = allocators_of(results)
    panels = [(title, {key: ratios(line) for key, line in lines(results, figure).items()}) for title, figure in PANELS]
    heights, below = positions(results, panels[0][1])
    line_count = below + len(by_kind(results, panels[0][1]))
    panel_inches = CELL_INCHES * len(allocators)
    width = LABEL_INCHES + 2 * panel_inches + 2 * GAP_INCHES
    height = HEAD_INCHES + LINE_INCHES * line_count + GAP_INCHES + 0.1
    with matplotlib.rc_context(SVG):
        figure = Figure(figsize=(width, height), facecolor=PAPER)
        for number, (title, all_ratios) in enumerate(panels):
            left = LABEL_INCHES + number * (panel_inches + GAP_INCHES)
            axes = figure.add_axes((left / width, 1 - (HEAD_INCHES + LINE_INCHES * line_count) / height,
                                    panel_inches / width, LINE_INCHES * line_count / height))
            axes.set(xlim=(0, len(allocators)), ylim=(line_count, 0))
            axes.axis("off")
            draw_panel(axes, title, results, all_ratios, allocators, heights, below)
            if number == 0:
                label_lines(axes, results, heights, below, all_ratios)
        figure.text(1 - GAP_INCHES / width, 0.1 / height, "ratio to the best of the line: 1.00 is best", ha="right",
                    fontsize=8, color=FAINT)
        figure.savefig(path, format="svg", metadata={"Date": None})
