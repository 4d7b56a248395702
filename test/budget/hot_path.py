# SPDX-License-Identifier: MIT
"""Counts what the hit paths of the release library cost and compares with a table of limits.

usage: hot_path.py <objdump> <libhakmem.a> <hot_path.txt>

The way of a hit is the shortest one through a function's instructions that ends as the table says; misses leave for
somewhere else.
"""
import re
import subprocess
import sys

COUNTS = ("instructions", "loads", "branches", "locked", "calls", "frame")
LINE = re.compile(r"^\s*([0-9a-f]+):\s+((?:lock |rep |notrack |bnd )*)([a-z]\w*)\s*(.*?)\s*(?:#.*)?$")
RELOCATION = re.compile(r"^\s*[0-9a-f]+: R_\w+\s+([\w.]+)")
STORES_ONLY = ("mov", "movb", "movw", "movl", "movq", "movups", "movaps", "movdqu", "movdqa")


class Instruction:
    def __init__(self, address, prefix, name, operands):
        self.address = address
        self.prefix = prefix
        self.name = name
        self.operands = operands
        self.symbol = None

    @property
    def target(self):
        """The address a jump inside the function goes to, None where it leaves."""
        found = re.match(r"([0-9a-f]+)\b", self.operands)
        return int(found[1], 16) if found and self.symbol is None else None

    def costs(self):
        parts = re.split(r",(?![^(]*\))", self.operands)
        is_jump = self.name.startswith("j")
        writes = self.name in STORES_ONLY or self.name.startswith("set")
        sources = parts[:-1] if writes else parts
        reads = not is_jump and self.name not in ("lea", "nop", "nopl", "nopw", "call", "prefetchw")
        return {
            "instructions": 1,
            "loads": int(reads and any("(" in part or "%fs:" in part for part in sources)),
            "branches": int(is_jump and self.name != "jmp"),
            "locked": int("lock" in self.prefix or (self.name == "xchg" and "(" in self.operands)),
            "calls": int(self.name == "call"),
            "frame": int(self.name in ("push", "pop", "enter", "leave") or
                         (self.name in ("sub", "add", "and") and parts[-1] == "%rsp")),
        }


def functions_in(objdump, archive):
    """The instructions of each function, by address."""
    text = subprocess.run([objdump, "-dr", "--no-show-raw-insn", archive], check=True, capture_output=True, text=True)
    functions = {}
    instructions = last = None
    for line in text.stdout.splitlines():
        label = re.match(r"^[0-9a-f]+ <([\w.]+)>:$", line)
        relocation = RELOCATION.match(line)
        instruction = LINE.match(line)
        if label:
            instructions = functions.setdefault(label[1], {})
        elif relocation and last:
            last.symbol = re.sub(r"[-+]0x[0-9a-f]+$", "", relocation[1])
        elif instruction and instructions is not None:
            address, prefix, name, operands = instruction.groups()
            last = Instruction(int(address, 16), prefix, name, operands)
            instructions[last.address] = last
    return functions


def ends(instruction, end):
    if end == "ret":
        return instruction.name in ("ret", "retq")
    return instruction.name in ("jmp", "call") and instruction.symbol == end


def shortest_way(instructions, end):
    """The costs of the shortest way from entry to `end`; None where there is none."""
    order = sorted(instructions)
    follower = dict(zip(order, order[1:]))
    ways = [(order[0], [])]
    seen = set()
    for address, way in ways:
        if address in seen or address not in instructions:
            continue
        seen.add(address)
        instruction = instructions[address]
        way = way + [instruction]
        if ends(instruction, end):
            return {count: sum(each.costs()[count] for each in way) for count in COUNTS}
        if instruction.name.startswith("j") and instruction.target is not None:
            ways.append((instruction.target, way))
        if instruction.name not in ("jmp", "ret", "retq", "ud2"):
            ways.append((follower.get(address), way))
    return None


def limits_in(path):
    with open(path, encoding="utf-8") as table:
        for line in table:
            words = line.split()
            if words and not line.startswith("#"):
                yield words[0], words[1], dict(zip(COUNTS, map(int, words[2:])))


def cost_of(functions, name, end):
    ways = [shortest_way(functions[part], end) for part in name.split("+")]
    return None if None in ways else {count: sum(way[count] for way in ways) for count in COUNTS}


def main(objdump, archive, table):
    functions = functions_in(objdump, archive)
    faults = []
    for name, end, limits in limits_in(table):
        cost = cost_of(functions, name, end)
        if cost is None:
            faults.append(f"{name}: no way leads to {end}")
            continue
        print(f"{name}: " + ", ".join(f"{cost[count]} {count}" for count in COUNTS))
        faults += [f"{name}: {count} grew to {cost[count]}, at most {limit} are allowed"
                   for count, limit in limits.items() if cost[count] > limit]
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
