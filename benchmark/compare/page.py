# SPDX-License-Identifier: MIT
"""results.md: all tables, and what was measured on what."""
import behind
import settings
from figures import allocators_of, variants_of
from table import FIGURES, beside_table, markdown_table, measured, readable_bytes, spread_table, table

CALLS = "Memory system calls"


def failures_text(results):
    failed = [row for row in results.rows.values() if row["failure"]]
    text = ["", "Failed runs:", ""] if failed else []
    text += [f"- {row['benchmark']}/{row['threads']} over {row['allocator']}: {row['failure']}" for row in failed]
    return "\n".join(text) + "\n" * bool(text)


def rounds_of(results, key):
    counts = sorted({len(row[key]) for row in results.rows.values()})
    return "–".join(map(str, dict.fromkeys((counts[0], counts[-1]))))


def rounds_line(results):
    runs = sum(len(row["seconds"]) for row in results.rows.values())
    disturbed = sum(row["disturbed"] for row in results.rows.values())
    reason = "kept because the machine was slow before or after every repeat, too"
    line = f"Rounds: {rounds_of(results, 'seconds')}. Disturbed: {disturbed} of {runs} runs, {reason}."
    if "Average resident set" in measured(results):
        line += f" Rounds apart that sampled memory: {rounds_of(results, 'average_rss_bytes_of_rounds')}."
    return line + "\n"


def version_lines(programs):
    return [[name, facts["version"] or "unknown", facts["sha256"][:12]] for name, facts in programs.items()]


def machine_text(results):
    shown = dict(results.machine) | {"memory_bytes": readable_bytes(results.machine["memory_bytes"])}
    variants = variants_of(results)  # their library is hakmem's
    allocators = [allocator for allocator in shown.pop("allocators") if allocator["name"] not in variants]
    text = [f"- {key.removesuffix('_bytes').replace('_', ' ')}: {value}" for key, value in shown.items()]
    body = []
    for allocator in allocators:
        file = allocator["file"] or "the C library's own"
        version = allocator["version"] or (shown["libc"] if allocator["file"] is None else "unknown")
        body.append([allocator["name"], file, version, (allocator["sha256"] or "–")[:12]])
    return "\n".join(text) + "\n\n" + markdown_table(["allocator", "library", "version", "SHA-256"], body)


def others_text(results, no_system_calls):
    text = ["## hakmem beside each\n",
            "hakmem's figure over the other's, the geometric mean; below 1.00 hakmem needs less. In brackets: in how "
            "many lines it does.\n",
            beside_table(results),
            *behind.text(results),
            "Below, each cell is the ratio to the least of its line, and the figure itself: 1.00 is best. A mean is "
            "over the lines that have a figure of every allocator.\n"]
    shown = measured(results)
    for title, (figure, readable, what) in FIGURES.items():
        if title in shown or (title == CALLS and no_system_calls):
            text += [f"## {title}\n", what + "\n", table(results, figure, readable)]
    if "Time" in shown:
        text += ["## Spread\n", "The time of the slowest round over that of the fastest.\n", spread_table(results)]
    return text


def markdown(results, no_system_calls=None):
    """`no_system_calls`: why some of them are missing."""
    others, variants = len(allocators_of(results)) > 1, variants_of(results)
    text = ["# hakmem and other allocators\n" if others else "# hakmem with other settings\n",
            rounds_line(results) + failures_text(results)]
    if no_system_calls:
        text.append(f"Some memory system calls are not counted: {no_system_calls}.\n")
    if others:
        text += others_text(results, no_system_calls)
    if variants:
        text += settings.text(results)
    text += ["## Machine\n", machine_text(results),
             markdown_table(["program", "version", "SHA-256"], version_lines(results.programs))]
    return "\n".join(text)
