# SPDX-License-Identifier: MIT
"""results.json: the machine and a row for each benchmark, number of threads and allocator; rounds can be added."""
import json
from statistics import median

from errors import Refusal

MAY_DIFFER = ("date", "allocators")
NEW_ROW = {"seconds": [], "disturbed": 0, "peak_rss_bytes": None, "page_faults": None, "memory_system_calls": None,
           "peak_rss_bytes_of_rounds": [], "page_faults_of_rounds": [], "failure": None, "average_rss_bytes": None,
           "rss_after_free_bytes": None, "average_rss_bytes_of_rounds": [], "rss_after_free_bytes_of_rounds": [],
           "rss_over_time": None}
DRAWN = ("bulk/1", "mimalloc-bench/mstress/2", "real/redis/1")  # the rows whose rss_over_time is kept
POINTS = 300  # of these, at most


def thinned(samples):
    """The highest sample in each of equal spans of time, and the last one."""
    span = samples[-1][0] / POINTS or 1
    highest = {}
    for sample in samples[:-1]:
        slot = int(sample[0] / span)
        highest[slot] = max(highest.get(slot, sample), sample, key=lambda sample: sample[1])
    return [*highest.values(), samples[-1]]


def new_row():
    return json.loads(json.dumps(NEW_ROW))


def add_figures(row, measured, names):
    for name in names:
        row[f"{name}_of_rounds"].append(getattr(measured, name))
        row[name] = round(median(row[f"{name}_of_rounds"]))


class Results:
    """`programs`: name → version and hash of what was run, and of the list of rows. `spin_seconds`: see Program."""

    def __init__(self, machine, programs):
        self.machine = machine
        self.programs = programs
        self.spin_seconds = {}
        self.rows = {}

    @classmethod
    def load(cls, path):
        """None where there is no such file."""
        try:
            content = json.loads(path.read_text())
            results = cls(content["machine"], content["programs"])
            results.spin_seconds = {int(key): value for key, value in content["spin_seconds"].items()}
            for row in content["rows"]:
                results.rows[row["benchmark"], row["threads"], row["allocator"]] = new_row() | row
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refusal(f"{path} is not a file of ./dev bench ({error!r}): move it away, or give another --out")
        return results

    def take_over(self, machine, programs):
        """Makes the facts those of now, or refuses because the new figures could not stand beside those here."""
        differences = [f"{key} was {self.machine.get(key)}, now it is {value}" for key, value in machine.items()
                       if key not in MAY_DIFFER and value != self.machine.get(key)]
        differences += [f"{name} is another" for name, facts in programs.items()
                        if facts != self.programs.get(name, facts)]
        before = {allocator["name"]: allocator for allocator in self.machine["allocators"]}
        for allocator in machine["allocators"]:
            old = before.get(allocator["name"])
            if old and old["sha256"] != allocator["sha256"]:
                differences.append(f"the library of {allocator['name']} is another: {old['file']} {old['version']} "
                                   f"with the SHA-256 {old['sha256'][:12]}…, now {allocator['sha256'][:12]}…")
            before[allocator["name"]] = allocator
        if differences:
            raise Refusal("rounds cannot be added: " + "; ".join(differences) + ". Give another --out.")
        self.machine = machine | {"allocators": list(before.values())}
        self.programs |= programs

    def row(self, row, allocator):
        key = row.benchmark, row.threads, allocator
        if key not in self.rows:
            facts = dict(zip(("benchmark", "threads", "allocator"), key)) | {"suite": row.suite, "kind": row.kind}
            self.rows[key] = facts | new_row()
        return self.rows[key]

    def rounds(self):
        return max((len(row["seconds"]) for row in self.rows.values()), default=0)

    def add(self, row, allocator, run):
        row = self.row(row, allocator)
        row["seconds"].append(run.seconds)
        row["disturbed"] += run.is_disturbed
        add_figures(row, run, ("peak_rss_bytes", "page_faults"))

    def add_memory(self, row, allocator, memory):
        """Of the samples themselves, those of the last round are kept."""
        kept = thinned(memory.rss_over_time) if row.name in DRAWN else None
        row = self.row(row, allocator)
        add_figures(row, memory, ("average_rss_bytes", "rss_after_free_bytes"))
        row["rss_over_time"] = kept

    def save(self, path):
        """A row a line, so that two files can be compared."""
        head = {"machine": self.machine, "programs": self.programs, "spin_seconds": self.spin_seconds}
        parts = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
        rows = ",\n".join(json.dumps(row) for row in self.rows.values())
        new = path.with_suffix(".new")
        new.write_text("{" + ",\n".join(parts) + ',\n"rows": [\n' + rows + "\n]}\n")
        new.replace(path)
