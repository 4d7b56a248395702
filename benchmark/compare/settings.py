# SPDX-License-Identifier: MIT
"""hakmem with other settings, beside hakmem as it comes."""
from allocators import HAKMEM
from figures import beside, lines, variants_of
from table import cell, markdown_table, measured

HEAD = "setting"


def mean_table(results):
    figures, variants = measured(results), variants_of(results)
    all_lines = [lines(results, figure, [HAKMEM, *variants]) for figure, _, _ in figures.values()]
    body = []
    for name in variants:
        found = (beside(part, HAKMEM, name) for part in all_lines)
        body.append([f"`{name}`", *("{:.2f} ({} of {})".format(*one) if one else "–" for one in found)])
    return markdown_table([HEAD, *map(str.lower, figures)], body)


def ratio(row, default, figure):
    ours, base = row and figure(row), default and figure(default)
    return ours / base if ours is not None and base else None


def row_table(results, benchmark, threads):
    figures = measured(results)
    default = results.rows.get((benchmark, threads, HAKMEM))
    body = []
    for name in [HAKMEM, *variants_of(results)]:
        row = results.rows.get((benchmark, threads, name))
        cells = (cell(row, figure, ratio(row, default, figure), readable, best=None)
                 for figure, readable, _ in figures.values())
        body.append(["none" if name == HAKMEM else f"`{name}`", *cells])
    return markdown_table([HEAD, *map(str.lower, figures)], body)


def text(results):
    parts = ["## Each setting beside none\n",
             "Its figure over that of hakmem as it comes, the geometric mean; below 1.00 hakmem needs less with it. In "
             "brackets: in how many of the rows below it does.\n", mean_table(results),
             *(f"- {title}: {what}" for title, (_, _, what) in measured(results).items()), "",
             "Below, each cell is that ratio for one row, and the figure itself.\n"]
    for benchmark, threads in dict.fromkeys((benchmark, threads) for benchmark, threads, _ in results.rows):
        parts += [f"### {benchmark}, {threads} thread{'s' * (threads > 1)}\n", row_table(results, benchmark, threads)]
    return parts
