# SPDX-License-Identifier: MIT
"""results.svg: time and peak resident set of each allocator, as ratios to the least of the line."""
import itertools

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from allocators import HAKMEM
from figures import allocators_of, best_seconds, figure_of, geometric_means, lines, ratios

WIDTH_INCHES = 10  # at 90 pixels an inch the width of a README
LINE_INCHES = 0.2
GAP = 0.7  # between workloads, in lines
SHIFT = 0.16  # of the others, up and down in turn, so that equal ones do not hide each other
TICKS = (1, 1.5, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
INK, FAINT, PAPER, BAND = "#24292f", "#8c959f", "#ffffff", "#f6f8fa"
HAKMEM_COLOUR = "#d1480f"
# Others, by place: colour and marker, so that neither alone must tell them apart.
OTHERS = (("#57606a", "s"), ("#0969da", "^"), ("#1a7f37", "D"), ("#8250df", "v"), ("#9a6700", "P"), ("#bf3989", "X"))
PANELS = (("Time", best_seconds), ("Peak resident set", figure_of("peak_rss_bytes")))


def styles(allocators):
    """The others lie on top of hakmem's dot, which is larger."""
    others = itertools.cycle(OTHERS)
    found = {}
    for name in allocators:
        colour, marker = (HAKMEM_COLOUR, "o") if name == HAKMEM else next(others)
        found[name] = {"color": colour, "marker": marker, "markersize": 9 if name == HAKMEM else 5.5,
                       "zorder": 3 if name == HAKMEM else 4, "linestyle": "none", "markeredgecolor": PAPER,
                       "markeredgewidth": 0.6}
    return found


def positions(keys):
    """(benchmark, threads) → height, downwards, with a gap before each workload; and the middle of each workload."""
    heights, groups, height, last = {}, {}, 0, None
    for benchmark, threads in keys:
        height -= 1 if benchmark == last else 1 + GAP
        heights[benchmark, threads] = height
        groups.setdefault(benchmark, []).append(height)
        last = benchmark
    return heights, groups


def draw_line(axes, height, line, style):
    axes.plot([1, max(line.values())], [height, height], color="#d0d7de", linewidth=0.8, zorder=1)
    if HAKMEM in line:
        axes.plot([1, line[HAKMEM]], [height, height], color=HAKMEM_COLOUR, linewidth=2, zorder=2)
    shifts = itertools.cycle((SHIFT, -SHIFT))
    for name in style:
        shift = 0 if name == HAKMEM else next(shifts)
        if name in line:
            axes.plot([line[name]], [height + shift], **style[name])


def set_scale(axes, largest):
    axes.set_xscale("log")
    axes.set_xlim(0.93, largest * 1.1)
    ticks = [tick for tick in TICKS if tick <= largest * 1.1]
    if largest > 12:  # two ticks a decade leave room for their labels
        ticks = [tick for tick in ticks if tick != 1.5 and str(tick)[0] != "3"]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.grid(axis="x", color="#d8dee4", linewidth=0.6)
    axes.axvline(1, color=FAINT, linewidth=1, zorder=1)


def draw_panel(axes, title, all_ratios, heights, groups, mean_height, style):
    for number, members in enumerate(groups.values()):
        if number % 2 == 0:
            axes.axhspan(members[-1] - (1 + GAP) / 2, members[0] + (1 + GAP) / 2, color=BAND, zorder=0)
    for key, line in all_ratios.items():
        draw_line(axes, heights[key], {name: ratio for name, ratio in line.items() if ratio}, style)
    means = geometric_means(all_ratios.values(), list(style))
    if means:
        draw_line(axes, mean_height, means, style)
    set_scale(axes, max(ratio for line in all_ratios.values() for ratio in line.values() if ratio))
    axes.set_ylim(mean_height - 1, max(heights.values()) + (1 + GAP) / 2)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=6)
    axes.tick_params(length=0, labelsize=8, colors=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)


def label_lines(axes, heights, groups, mean_height):
    axes.set_yticks([*heights.values(), mean_height], [*(str(threads) for _, threads in heights), ""])
    beside = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "center", "color": INK, "fontsize": 9}
    for benchmark, members in groups.items():
        axes.text(-0.09, sum(members) / len(members), benchmark.replace("_", " "), **beside)
    axes.text(-0.02, mean_height, "geometric mean", fontweight="bold", **beside)
    axes.text(-0.02, max(heights.values()) + 1 + GAP, "threads", **(beside | {"fontsize": 8, "color": FAINT}))


def draw(results, path):
    allocators = allocators_of(results)
    style = styles(allocators)
    panels = [(title, {key: ratios(line) for key, line in lines(results, figure).items()}) for title, figure in PANELS]
    heights, groups = positions(panels[0][1])
    mean_height = min(heights.values()) - 1 - GAP
    line_count = 2 - mean_height
    height_inches = 1.15 + LINE_INCHES * line_count
    with matplotlib.rc_context({"svg.hashsalt": "hakmem", "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(WIDTH_INCHES, height_inches), facecolor=PAPER)
        both = figure.subplots(1, len(panels), sharey=True)
        figure.subplots_adjust(left=0.235, right=0.98, wspace=0.06, top=1 - 0.75 / height_inches,
                               bottom=0.4 / height_inches)
        for axes, (title, all_ratios) in zip(both, panels):
            draw_panel(axes, title, all_ratios, heights, groups, mean_height, style)
        label_lines(both[0], heights, groups, mean_height)
        figure.legend(handles=[Line2D([], [], label=name, **style[name]) for name in allocators], loc="upper left",
                      ncols=len(allocators), frameon=False, fontsize=9, bbox_to_anchor=(0.225, 1), handletextpad=0.2,
                      columnspacing=1.4, labelcolor=INK)
        figure.text(0.98, 0.1 / height_inches, "ratio to the best of the line, logarithmic: further left is better",
                    ha="right", fontsize=8, color=FAINT)
        figure.savefig(path, format="svg", metadata={"Date": None})
