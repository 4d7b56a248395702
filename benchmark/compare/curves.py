# SPDX-License-Identifier: MIT
"""memory.svg: the resident set of each allocator over time, a panel for each of a few rows."""
import matplotlib
from matplotlib.figure import Figure

from allocators import HAKMEM
from figures import allocators_of, figure_of, lines
from picture import FAINT, HAKMEM_COLOUR, INK, PAPER, SVG

PANEL_INCHES, HEIGHT_INCHES, LEFT_INCHES, GAP_INCHES, HEAD_INCHES, FOOT_INCHES = 3.9, 2.7, 0.7, 0.75, 0.65, 0.55
COLOURS = ("#57606a", "#0969da", "#1a7f37", "#8250df", "#bf8700", "#0a9396", "#bf3989", "#6e4b2a")


def styles(allocators):
    """hakmem as in results.svg; the others go round the colours, and then on with dashes."""
    others = [name for name in allocators if name != HAKMEM]
    found = {name: {"color": COLOURS[number % len(COLOURS)], "linewidth": 1, "alpha": 0.9,
                    "linestyle": "--" if number >= len(COLOURS) else "-"} for number, name in enumerate(others)}
    return found | {HAKMEM: {"color": HAKMEM_COLOUR, "linewidth": 2, "zorder": 3}}


def draw_panel(axes, title, curves, style_of):
    for name, samples in curves.items():
        seconds, sizes = zip(*samples)
        axes.plot(seconds, [size / 2**20 for size in sizes], drawstyle="steps-post", label=name, **style_of[name])
    axes.set_title(title, loc="left", fontsize=9.5, fontweight="bold", color=INK)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.tick_params(colors=FAINT, labelcolor=INK, labelsize=7.5)
    axes.set_xlabel("seconds", fontsize=8, color=INK)
    axes.grid(color=FAINT, alpha=0.25, linewidth=0.5)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT)


def draw(results, path):
    panels = lines(results, figure_of("rss_over_time"))
    allocators = allocators_of(results)
    width = LEFT_INCHES + len(panels) * (PANEL_INCHES + GAP_INCHES) - GAP_INCHES / 2
    height = HEAD_INCHES + HEIGHT_INCHES + FOOT_INCHES
    with matplotlib.rc_context(SVG):
        figure = Figure(figsize=(width, height), facecolor=PAPER)
        for number, ((benchmark, threads), curves) in enumerate(panels.items()):
            left = LEFT_INCHES + number * (PANEL_INCHES + GAP_INCHES)
            axes = figure.add_axes((left / width, FOOT_INCHES / height, PANEL_INCHES / width, HEIGHT_INCHES / height))
            draw_panel(axes, f"{benchmark}, {threads} thread{'s' * (threads > 1)}", curves, styles(allocators))
            if number == 0:
                axes.set_ylabel("resident set, MiB", fontsize=8, color=INK)
        handles = {label: handle for axes in figure.axes
                   for handle, label in zip(*axes.get_legend_handles_labels())}
        named = [name for name in allocators if name in handles]
        figure.legend([handles[name] for name in named], named, loc="upper left", ncols=len(named), fontsize=8,
                      frameon=False, bbox_to_anchor=((LEFT_INCHES - 0.2) / width, 1), handlelength=1.4)
        figure.savefig(path, format="svg", metadata={"Date": None})
