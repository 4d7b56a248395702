# SPDX-License-Identifier: MIT
"""Breaks each rule of include_graph.py once, in a small tree of its own, and sees it complain.

usage: include_graph_test.py
"""
import contextlib
import io
import pathlib
import tempfile
import unittest

import include_graph

BOXES = "bottom: bottom.h bottom_hot.h: \nos_boundary: os_boundary.h: bottom\ntop: top.h: bottom\n"


class IncludeGraph(unittest.TestCase):
    def check(self, box, include):
        """What include_graph.py prints, and returns, for a tree where a file in `box` has that include."""
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            (root / "boxes.txt").write_text(BOXES)
            for other in ("bottom", "os_boundary", "top"):
                (root / "src" / other).mkdir(parents=True)
                (root / "src" / other / f"{other}.c").write_text("int x;\n")
            (root / "src" / box / f"{box}.c").write_text(f"#include {include}\n")
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                result = include_graph.main(root / "boxes.txt", root / "src")
            return result, printed.getvalue()

    def test_allows_what_is_declared(self):
        for box, include in (
            ("top", '"bottom/bottom.h"'),
            ("top", '"bottom/bottom_hot.h"'),
            ("top", '"top/own.h"'),
            ("top", "<string.h>"),
            ("os_boundary", "<sys/mman.h>"),
        ):
            self.assertEqual(self.check(box, include)[0], 0, include)

    def test_names_what_is_not(self):
        for box, include, reason in (
            ("top", '"bottom/bottom_private.h"', "is private to bottom"),
            ("bottom", '"top/top.h"', "bottom does not need top"),
            ("top", '"own.h"', "names no box"),
            ("top", '"../bottom/bottom.h"', "names no box"),
            ("top", "<sys/mman.h>", "is for os_boundary alone"),
        ):
            result, printed = self.check(box, include)
            self.assertEqual(result, 1, include)
            self.assertIn(reason, printed)


if __name__ == "__main__":
    unittest.main()
