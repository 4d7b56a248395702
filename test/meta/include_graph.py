# SPDX-License-Identifier: MIT
"""Checks that each file in src/<box>/ includes only what hakmem_add_box() allows.

usage: include_graph.py <boxes.txt> <src>
"""
import pathlib
import re
import sys
from dataclasses import dataclass

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
OS_HEADER = re.compile(r"(sys|linux|asm)/")


@dataclass
class Box:
    public_headers: set
    needs: set


def read_boxes(path):
    boxes = {}
    for line in path.read_text().splitlines():
        name, headers, needs = (part.split() for part in line.split(":"))
        boxes[name[0]] = Box(set(headers), set(needs))
    return boxes


def fault_of(include, own_box, boxes):
    """What is wrong with a quoted include in a file of own_box, or None."""
    box, _, header = include.partition("/")
    if box not in boxes:
        return "names no box: write \"<box>/<header>\""
    if box == own_box:
        return None
    if box not in boxes[own_box].needs:
        return f"{own_box} does not need {box} (src/{own_box}/CMakeLists.txt)"
    if header not in boxes[box].public_headers:
        return f"is private to {box}"
    return None


def faults_in(path, own_box, boxes):
    for quoted, angled in INCLUDE.findall(path.read_text()):
        fault = None
        if quoted:
            fault = fault_of(quoted, own_box, boxes)
        elif OS_HEADER.match(angled) and own_box != "os_boundary":
            fault = "is for os_boundary alone"
        if fault:
            yield f"{path}: {quoted or angled}: {fault}"


def main(boxes_file, source_folder):
    boxes = read_boxes(pathlib.Path(boxes_file))
    files = [path for path in sorted(pathlib.Path(source_folder).glob("*/*")) if path.suffix in (".c", ".h", ".def")]
    faults = [fault for path in files for fault in faults_in(path, path.parent.name, boxes)]
    for fault in faults:
        print(fault)
    folders = {path.parent.name for path in files}
    for folder in sorted(folders ^ set(boxes)):
        faults.append(folder)
        print(f"{folder}: is not both a box and a folder below src/")
    print(f"{len(files)} files in {len(boxes)} boxes, {len(faults)} faults")
    return 1 if faults or not files else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
