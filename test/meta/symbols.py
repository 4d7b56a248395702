# SPDX-License-Identifier: MIT
"""Checks what the two libraries define for others and what they take from others.

usage: symbols.py <nm> <readelf> <libhakmem.a> <libhakmem.so> <include> <object file of os_boundary>...
"""
import pathlib
import re
import subprocess
import sys

DECLARATION = re.compile(r"^HAKMEM_API\b[^;(]*?\b(\w+)\s*\(", re.MULTILINE)
OS_CALLS = {"mmap", "mmap64", "munmap", "madvise", "mprotect", "mremap", "brk", "sbrk"}
OTHER_MALLOC = {"malloc", "calloc", "realloc", "free", "posix_memalign", "aligned_alloc", "strdup", "strndup"}


def lines_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def names_in(nm, *arguments):
    """The names that nm lists, by object file ("" for a shared library), without the version.

    An object file in an archive is headed "libhakmem.a[api.c.o]:" by GNU, "api.c.o:" by LLVM.
    """
    names = {"": set()}
    member = ""
    for line in lines_of(nm, "--format=posix", *arguments):
        found = re.fullmatch(r"(?:.*\[)?([^\[\]]+)\]?:", line)
        if found:
            member = found[1]
            names[member] = set()
        elif line:
            names[member].add(line.split()[0].split("@")[0])
    return names


def main(nm, readelf, archive, shared, include, *os_boundary):
    faults = []
    os_members = {pathlib.Path(path).name for path in os_boundary}
    declared = set()
    for header in pathlib.Path(include).glob("hakmem/*.h"):
        declared |= set(DECLARATION.findall(header.read_text()))

    exported = names_in(nm, "--dynamic", "--defined-only", shared)[""] - {"HAKMEM_0"}
    faults += [f"{shared} exports {name}, which no public header declares" for name in sorted(exported - declared)]
    faults += [f"{shared} does not export {name}" for name in sorted(declared - exported)]

    for member, names in names_in(nm, "--extern-only", "--defined-only", archive).items():
        faults += [f"{archive}({member}) defines {name}" for name in sorted(names) if not name.startswith("hak_")]

    for member, names in names_in(nm, "--undefined-only", archive).items():
        faults += [f"{archive}({member}) calls {name}" for name in sorted(names & OTHER_MALLOC)]
        if member not in os_members:
            faults += [f"{archive}({member}) calls {name}" for name in sorted(names & OS_CALLS)]

    segments = [line.split() for line in lines_of(readelf, "--wide", "--segments", shared)]
    tls_bytes = sum(int(fields[5], 16) for fields in segments if fields[:1] == ["TLS"])
    if tls_bytes > 8:
        faults.append(f"{shared} has {tls_bytes} bytes of thread-local storage, more than one pointer")

    print("\n".join(faults) or f"{len(declared)} public functions")
    return 1 if faults or not declared else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
