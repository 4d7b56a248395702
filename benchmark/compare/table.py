# SPDX-License-Identifier: MIT
"""Tables: the figures of all allocators side by side."""
from allocators import HAKMEM
from figures import (allocators_of, beside, best_seconds, by_kind, figure_of, geometric_mean, geometric_means, lines,
                     ratios, spread)

SPREAD = 0.25  # of the fastest round; above it a time carries a ~


def readable_seconds(seconds):
    return f"{seconds:.3g} s"


def readable_bytes(count):
    return f"{count / 2**20:.1f} MiB"


def readable_count(count):
    return f"{count:,}"


FIGURES = {  # title → figure, how it is shown, what it is
    "Time": (best_seconds, readable_seconds,
             "Wall time of a fixed amount of work, the fastest of the rounds. `~`: the slowest round took over "
             f"{SPREAD:.0%} longer than the fastest. `†`: a run was disturbed."),
    "Peak resident set": (figure_of("peak_rss_bytes"), readable_bytes,
                          "Of the largest process; the median of the rounds."),
    "Average resident set": (figure_of("average_rss_bytes"), readable_bytes,
                             "Over time, of the program of the run with the highest peak, from its start to its end."),
    "Resident set after free": (figure_of("rss_after_free_bytes"), readable_bytes,
                                "The project's own workloads (those without a `/`): just after every block was freed. "
                                "Any other program: as it exits, with what it has not freed."),
    "Page faults": (figure_of("page_faults"), readable_count, "Of all processes; the median of the rounds."),
    "Memory system calls": (figure_of("memory_system_calls"), readable_count, "Of all processes, in a run apart."),
}


def measured(results):
    """Those of FIGURES that any row has."""
    return {title: facts for title, facts in FIGURES.items() if any(facts[0](row) is not None
                                                                    for row in results.rows.values())}


def markdown_line(cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def markdown_table(head, body):
    return "\n".join([markdown_line(head), "|---|" + "--:|" * (len(head) - 1), *map(markdown_line, body)]) + "\n"


def cell(row, figure, ratio, readable, best=1):
    if row is None or figure(row) is None:
        return "failed" if row and row["failure"] else "–"
    shown = "–" if ratio is None else f"{ratio:.2f}"
    if ratio is not None and ratio == best:
        shown = f"**{shown}**"
    if figure is best_seconds:
        shown += " ~" * ((spread(row) or 1) > 1 + SPREAD) + " †" * (row["disturbed"] > 0)
    return f"{shown} ({readable(figure(row))})"


def mean_lines(results, all_lines, means_of, allocators):
    """`means_of`: lines → allocator → mean."""
    for kind, part in by_kind(results, all_lines).items():
        means = means_of(part)
        shown = (f"{means[name]:.2f}" if name in means else "–" for name in allocators)
        yield [f"geometric mean{'' if kind == 'all' else f', {kind}'}", "", *shown]


def table(results, figure, readable):
    allocators = allocators_of(results)
    all_ratios = {key: ratios(line) for key, line in lines(results, figure).items()}
    body = []
    for (benchmark, threads), line in all_ratios.items():
        cells = (cell(results.rows.get((benchmark, threads, name)), figure, line.get(name), readable)
                 for name in allocators)
        body.append([benchmark, threads, *cells])
    body += mean_lines(results, all_ratios, lambda part: geometric_means(part.values(), allocators), allocators)
    return markdown_table(["benchmark", "threads", *allocators], body)


def spread_table(results):
    """Empty where there is one round."""
    allocators = allocators_of(results)
    all_lines = lines(results, spread)
    if not all_lines:
        return "It takes two rounds to see one.\n"

    def means_of(part):
        found = {name: [line[name] for line in part.values() if name in line] for name in allocators}
        return {name: geometric_mean(values) for name, values in found.items() if values}

    body = [[benchmark, threads, *(f"{line[name]:.2f}" if name in line else "–" for name in allocators)]
            for (benchmark, threads), line in all_lines.items()]
    return markdown_table(["benchmark", "threads", *allocators],
                          body + list(mean_lines(results, all_lines, means_of, allocators)))


def beside_table(results):
    peers = [name for name in allocators_of(results) if name != HAKMEM]
    body = []
    for title, (figure, _, _) in measured(results).items():
        for kind, part in by_kind(results, lines(results, figure)).items():
            found = (beside(part, peer) for peer in peers)
            shown = ("{:.2f} ({} of {})".format(*one) if one else "–" for one in found)
            body.append([f"{title.lower()}, {kind}", *shown])
    return markdown_table(["", *peers], body)
