# SPDX-License-Identifier: MIT
"""Checks that a page of docs/ is what its list says; with --write, makes it so.

usage: pages.py <program of pages.c> <options|statistics> <page> [--write]
"""
import difflib
import pathlib
import subprocess
import sys


def main(program, subject, page, *arguments):
    page = pathlib.Path(page)
    wanted = subprocess.run([program, subject], check=True, capture_output=True, text=True).stdout
    if arguments == ("--write",):
        page.write_text(wanted)
    found = page.read_text() if page.exists() else ""
    if found == wanted:
        return 0
    difference = difflib.unified_diff(found.splitlines(), wanted.splitlines(), str(page), "the list", lineterm="")
    print("\n".join(difference))
    print(f"\nTo bring it in step: python3 {' '.join(sys.argv)} --write")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
