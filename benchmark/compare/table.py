# SPDX-License-Identifier: MIT
"""results.md: the figures of all allocators side by side."""
from figures import allocators_of, best_seconds, figure_of, geometric_means, lines, ratios

SPREAD = 0.25  # of the fastest round; above it a time carries a ~


def readable_seconds(seconds):
    return f"{seconds:.3g} s"


def readable_bytes(count):
    return f"{count / 2**20:.1f} MiB"


def readable_count(count):
    return f"{count:,}"


def markdown_line(cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def is_spread(row):
    return max(row["seconds"]) - min(row["seconds"]) > SPREAD * min(row["seconds"])


def cell(row, figure, ratio, readable):
    if row is None or figure(row) is None:
        return "–"
    shown = "–" if ratio is None else f"{ratio:.2f}"
    if ratio == 1:
        shown = f"**{shown}**"
    if figure is best_seconds:
        shown += " ~" * is_spread(row) + " †" * (row["disturbed"] > 0)
    return f"{shown} ({readable(figure(row))})"


def table(results, figure, readable):
    allocators = allocators_of(results)
    text = [markdown_line(["benchmark", "threads", *allocators]), "|---|--:" + "|--:" * len(allocators) + "|"]
    all_ratios = []
    for (benchmark, threads), line in lines(results, figure).items():
        all_ratios.append(ratios(line))
        cells = (cell(results.rows.get((benchmark, threads, name)), figure, all_ratios[-1].get(name), readable)
                 for name in allocators)
        text.append(markdown_line([benchmark, threads, *cells]))
    means = geometric_means(all_ratios, allocators)
    shown = (f"{means[name]:.2f}" if name in means else "–" for name in allocators)
    text.append(markdown_line(["geometric mean", "", *shown]))
    return "\n".join(text) + "\n"


def rounds_line(results):
    counts = sorted({len(row["seconds"]) for row in results.rows.values()})
    rounds = "–".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    runs = sum(len(row["seconds"]) for row in results.rows.values())
    disturbed = sum(row["disturbed"] for row in results.rows.values())
    reason = "kept because the machine was slow before or after every repeat, too"
    return f"Rounds: {rounds}. Disturbed: {disturbed} of {runs} runs, {reason}.\n"


def machine_text(machine):
    shown = dict(machine) | {"memory_bytes": readable_bytes(machine["memory_bytes"])}
    allocators = shown.pop("allocators")
    text = [f"- {key.removesuffix('_bytes').replace('_', ' ')}: {value}" for key, value in shown.items()]
    text += ["", markdown_line(["allocator", "library", "version", "SHA-256"]), "|---|---|---|---|"]
    for allocator in allocators:
        file = allocator["file"] or "the C library's own"
        version = allocator["version"] or (machine["libc"] if allocator["file"] is None else "unknown")
        text.append(markdown_line([allocator["name"], file, version, (allocator["sha256"] or "–")[:12]]))
    return "\n".join(text) + "\n"


def markdown(results, no_system_calls=None):
    """`no_system_calls`: why some of them are missing."""
    text = ["# hakmem and other allocators\n",
            "Each cell is the ratio to the least of its line, and the figure itself: 1.00 is best.\n",
            "## Time\n",
            "Wall time of a fixed amount of work, the fastest of the rounds. `~`: the slowest round took over "
            f"{SPREAD:.0%} longer than the fastest. `†`: a run was disturbed.\n",
            table(results, best_seconds, readable_seconds), rounds_line(results),
            "## Peak resident set\n", table(results, figure_of("peak_rss_bytes"), readable_bytes),
            "## Page faults\n", table(results, figure_of("page_faults"), readable_count),
            "## Memory system calls\n"]
    if no_system_calls:
        text.append(f"Some are not counted: {no_system_calls}.\n")
    text += [table(results, figure_of("memory_system_calls"), readable_count),
             "## Machine\n", machine_text(results.machine)]
    return "\n".join(text)
