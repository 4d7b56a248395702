# SPDX-License-Identifier: MIT
"""Checks what the libraries define for others and what they take from others: hakmem, and the drop-in.

usage: symbols.py <nm> <readelf> <libhakmem.a> <libhakmem.so> <libhakmem_malloc.a> <libhakmem_malloc.so> <include>
                  <docs/drop-in.md> <object file of os_boundary>...
"""
import pathlib
import re
import subprocess
import sys

DECLARATION = re.compile(r"^HAKMEM_API\b[^;(]*?\b(\w+)\s*[(;]", re.MULTILINE)
OS_CALLS = {"mmap", "mmap64", "munmap", "madvise", "mprotect", "mremap", "brk", "sbrk"}
VERSION = "HAKMEM_0"
TLS_BYTES_MAX = 8  # one pointer
ALIGNED, NOTHROW = "St11align_val_t", "RKSt9nothrow_t"
NEWS = {f"_Z{form}m{aligned}{nothrow}" for form in ("nw", "na") for aligned in ("", ALIGNED) for nothrow in ("", NOTHROW)}
DELETES = {
    f"_Z{form}Pv{tail}"
    for form in ("dl", "da")
    for tail in ("", NOTHROW, ALIGNED, ALIGNED + NOTHROW, "m", "m" + ALIGNED)
}
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


def documented_in(page):
    """The names on the page, by list item: malloc's family, glibc's additions, names that glibc reserves."""
    section = page.split("## What is there")[1].split("\n## ")[0]
    return [set(names.split()) for names in re.findall(r"^- `([^`]*)`", section, re.MULTILINE)]


def faults_of_exports(nm, shared, wanted):
    """`wanted` and no other names; those of hakmem with its version, the others without one."""
    exported = names_in(nm, "--dynamic", "--defined-only", shared)[""] - {VERSION}
    faults = [f"{shared} exports {name}, which is documented nowhere" for name in sorted(exported - wanted)]
    faults += [f"{shared} does not export {name}" for name in sorted(wanted - exported)]
    for line in lines_of(nm, "--format=posix", "--dynamic", "--defined-only", shared):
        name, _, version = line.split()[0].partition("@")
        if name != VERSION and version.lstrip("@") != (VERSION if name.startswith("hak_") else ""):
            faults.append(f"{shared} exports {name} with the version '{version}'")
    return faults


def faults_of_tls(readelf, shared):
    segments = [line.split() for line in lines_of(readelf, "--wide", "--segments", shared)]
    tls_bytes = sum(int(fields[5], 16) for fields in segments if fields[:1] == ["TLS"])
    return [f"{shared} has {tls_bytes} bytes of thread-local storage"] if tls_bytes > TLS_BYTES_MAX else []


def faults_of_definitions(nm, archive, prefix, wanted):
    """The archive defines `wanted`, and what begins with `prefix`."""
    members = names_in(nm, "--extern-only", "--defined-only", archive)
    faults = [
        f"{archive}({member}) defines {name}"
        for member, names in members.items()
        for name in sorted(names - wanted)
        if not name.startswith(prefix)
    ]
    return faults + [f"{archive} does not define {name}" for name in sorted(wanted - set().union(*members.values()))]


def faults_of_family(nm, archive, family):
    """Who gets one of the family from the archive gets all."""
    members = names_in(nm, "--extern-only", "--defined-only", archive)
    missing = {member: family - names for member, names in members.items() if "malloc" in names}
    return [f"{archive}({member}) defines malloc, but not {name}" for member in missing for name in missing[member]]


def faults_of_calls(nm, archive, os_members):
    faults = []
    for member, names in names_in(nm, "--undefined-only", archive).items():
        wrong = OTHER_MALLOC if member in os_members else OTHER_MALLOC | OS_CALLS
        faults += [f"{archive}({member}) calls {name}" for name in sorted(names & wrong)]
    return faults


def main(nm, readelf, archive, shared, malloc_archive, malloc_shared, include, page, *os_boundary):
    declared = set()
    for header in pathlib.Path(include).glob("hakmem/*.h"):
        declared |= set(DECLARATION.findall(header.read_text()))
    family, additions, reserved = documented_in(pathlib.Path(page).read_text())
    drop_in = family | additions | reserved | NEWS | DELETES
    os_members = {pathlib.Path(path).name for path in os_boundary}

    faults = faults_of_exports(nm, shared, declared) + faults_of_exports(nm, malloc_shared, declared | drop_in)
    faults += faults_of_tls(readelf, shared) + faults_of_tls(readelf, malloc_shared)
    faults += faults_of_definitions(nm, archive, "hak_", declared)
    faults += faults_of_definitions(nm, malloc_archive, "hak_i_", drop_in)
    faults += faults_of_family(nm, malloc_archive, family | reserved - {f"__libc_{name}" for name in additions})
    faults += faults_of_calls(nm, archive, os_members) + faults_of_calls(nm, malloc_archive, set())

    print("\n".join(faults) or f"{len(declared)} public names, {len(drop_in)} of the drop-in")
    return 1 if faults or not declared else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
