# SPDX-License-Identifier: MIT
"""Which allocators take part, and whether each of their libraries does take the place of malloc."""
import hashlib
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from errors import Refusal

SYSTEM = "system"
HAKMEM = "hakmem"
# Debian's libraries that take part where they are installed and no peer is given: name → soname.
INSTALLED = {
    "mimalloc": "libmimalloc.so.2",
    "jemalloc": "libjemalloc.so.2",
    "tcmalloc": "libtcmalloc_minimal.so.4",
}


@dataclass
class Allocator:
    """`library` is what to preload, None for the malloc of the C library; `settings` is what its environment says."""

    name: str
    library: Path | None
    settings: dict = field(default_factory=dict)

    def facts(self):
        if self.library is None:
            return {"name": self.name, "file": None, "version": None, "sha256": None, "settings": {}}
        return {
            "name": self.name,
            "file": self.library.name,
            "version": version_of(self.library),
            "sha256": sha256(self.library),
            "settings": self.settings,
        }


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def version_of(library):
    """The version of its Debian package, or what follows .so. in the name of its file, or None."""
    for path in (library, library.resolve()):
        try:
            owner = subprocess.run(["dpkg-query", "-S", path], capture_output=True, text=True)
        except FileNotFoundError:
            break
        if owner.returncode == 0:
            package = owner.stdout.split(": ")[0]
            command = ["dpkg-query", "-W", "-f", "${Version}", package]
            return subprocess.run(command, capture_output=True, text=True).stdout or None
    _, found, version = library.resolve().name.partition(".so.")
    return version if found else None


def installed(program):
    """Those of INSTALLED that the loader finds."""
    for name, soname in INSTALLED.items():
        malloc_file = Path(program.facts(Allocator(name, Path(soname)))[0]["malloc_file"])
        if malloc_file.name == soname:
            yield Allocator(name, malloc_file)


def parse_peer(text):
    name, equals, library = text.partition("=")
    if not equals or not library or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name):
        raise Refusal(f"--peer={text}: NAME=LIBRARY is wanted, the name of letters, digits and . _ + -")
    return Allocator(name, Path(library).absolute())


def parse_variant(text, hakmem):
    """hakmem with settings, and named by them. A comma may also stand within a value."""
    settings = {}
    for setting in re.split(r",(?=HAKMEM_)", text):
        name, equals, value = setting.partition("=")
        if not equals or not re.fullmatch(r"HAKMEM_[A-Z0-9_]+", name) or name in settings:
            raise Refusal(f"--variant={text}: HAKMEM_OPTION=VALUE[,HAKMEM_OPTION=VALUE]... is wanted, each option once")
        settings[name] = value
    return Allocator(text, hakmem, settings)


def all_that_take_part(hakmem, peers, variants, program):
    """The system's malloc and hakmem first; the order is that of the columns. Variants alone stand beside hakmem."""
    allocators = [Allocator(HAKMEM, hakmem)]
    if peers or not variants:
        allocators = [Allocator(SYSTEM, None), *allocators, *([] if peers else installed(program))]
    for peer in map(parse_peer, peers):
        if any(peer.name == other.name for other in allocators):
            raise Refusal(f"--peer={peer.name}=…: there is a {peer.name} already; give it another name")
        allocators.append(peer)
    for variant in variants:
        if any(variant == other.name for other in allocators):
            raise Refusal(f"--variant={variant} is given twice")
        allocators.append(parse_variant(variant, hakmem))
    return allocators


def check(allocator, program):
    """Refuses a library that cannot be preloaded, or is preloaded without taking the place of malloc."""
    library = allocator.library
    if library is None:
        return
    if not library.is_file():
        raise Refusal(f"{allocator.name}: there is no file {library}")
    if re.search(r"[:\s]", str(library)):
        raise Refusal(f"{allocator.name}: a path with a colon or a space cannot be preloaded: '{library}'")
    facts, complaints = program.facts(allocator)
    if not Path(facts["malloc_file"]).exists() or not library.samefile(facts["malloc_file"]):
        reason = complaints.strip() or "it has no malloc"
        raise Refusal(f"{allocator.name}: preloading {library} leaves malloc to {facts['malloc_file']}: {reason}")
    for name in allocator.settings:
        ignored = re.search(rf"option {name} ignored: .*", complaints)
        if ignored:
            raise Refusal(f"--variant={allocator.name}: {ignored[0]}; docs/options.md lists them all")
