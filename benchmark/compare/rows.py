# SPDX-License-Identifier: MIT
"""../rows: what is run, and which of it can run here."""
import os
import re
import shlex
import shutil
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from errors import Refusal

OWN = "own"  # the suite whose rows go by their bare names
KINDS = ("synthetic", "real")
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Row:
    """One line of the tables. The rest is as ../rows says."""

    benchmark: str
    threads: int
    suite: str = OWN
    kind: str = KINDS[0]
    command: tuple = ()
    figure: str | None = None
    after_free: str | None = None
    items: float | None = None
    needs: tuple = ()
    input: tuple = ()
    environment: dict = field(default_factory=dict, hash=False)
    pins_threads: bool = False

    @property
    def name(self):
        return f"{self.benchmark}/{self.threads}"

    @property
    def programs(self):
        return self.command[0], *self.needs

    def seconds(self, output, wall_seconds):
        """What `output` says of the time; None where it says nothing."""
        if self.figure is None:
            return wall_seconds
        found = re.search(self.figure, output)
        value = float(found[1]) if found else 0
        if value <= 0:
            return None
        return self.items / value if self.items else value

    def bytes_after_free(self, output, exit_bytes):
        """What `output` says of the resident set; None where it says nothing."""
        if self.after_free is None:
            return exit_bytes
        found = re.search(self.after_free, output)
        return int(found[1]) if found else None


def made(suite, name, facts, places):
    """A row for each number of threads. `places`: what stands for the placeholders besides."""
    facts = dict(facts)
    command, threads = facts.pop("command"), facts.pop("threads", [1])
    work = facts.pop("work", [None] * len(threads))
    if len(work) != len(threads):
        raise ValueError("there are not as many of work as of threads")
    for key in ("figure", "after_free"):
        if key in facts and re.compile(facts[key]).groups != 1:
            raise ValueError(f"{key} has not one group")
    if facts.get("kind") not in KINDS:
        raise ValueError(f"kind is none of {' '.join(KINDS)}")
    for key in ("needs", "input"):
        facts[key] = tuple(facts.get(key, ()))
    for count, amount in zip(threads, work):
        words = (word.format(row=name, threads=count, work=amount, **places) for word in shlex.split(command))
        yield Row(name if suite == OWN else f"{suite}/{name}", count, suite, command=tuple(words), **facts)


def load(path, data):
    """All rows in their order. `data`: the directory of the inputs."""
    places = {"programs": path.parent / "programs", "data": data}
    found = []
    where = ""
    try:
        for suite, facts in tomllib.loads(path.read_text()).items():
            where = f"{suite}: "
            rows = facts.pop("rows")
            for name, changes in rows.items():
                where = f"{suite}.rows.{name}: "
                found += made(suite, name, facts | changes, places)
    except KeyError as error:
        raise Refusal(f"{path}: {where}there is no {error}")
    except (OSError, ValueError, TypeError, re.error) as error:
        raise Refusal(f"{path}: {where}{error}")
    return found


def chosen(rows, expression):
    try:
        found = [row for row in rows if re.search(expression, row.name)]
    except re.error as error:
        raise Refusal(f"--filter={expression} is not a regular expression: {error}")
    if not found:
        raise Refusal(f"--filter={expression} matches none of: {' '.join(row.name for row in rows)}")
    return found


class Finder:
    """Where programs are: in the directories given, else in those of the system."""

    def __init__(self, directories):
        for directory in directories:
            if not directory.is_dir():
                raise Refusal(f"--programs={directory}: there is no such directory")
        self.path = os.pathsep.join([*(str(directory.absolute()) for directory in directories), SYSTEM_PATH])

    def find(self, program):
        found = shutil.which(program, path=self.path)
        return Path(found) if found else None

    def runnable(self, rows):
        """Those whose programs are all there; and program → rows that miss it."""
        found, missing = [], {}
        for row in rows:
            absent = [program for program in row.programs if self.find(program) is None]
            if absent:
                missing.setdefault(absent[0], []).append(row)
            else:
                found.append(row)
        return found, missing
