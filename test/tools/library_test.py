# SPDX-License-Identifier: MIT
"""Which library is preloaded, and which cannot be."""
import os
import shutil
import subprocess

import support

SHOW = ("sh", "-c", 'printf %s "$LD_PRELOAD"')


class Library(support.Case):
    def run_with(self, path, *command, **options):
        return self.run_bare(f"--library={path}", *(command or SHOW), **options)

    def test_is_named_by_its_absolute_path(self):
        self.check_printed(self.run_with("libours.so", cwd=self.folder), f"{self.folder}/libours.so")

    def test_is_not_the_target_of_a_link(self):
        os.symlink(self.library, self.folder / "link.so")
        self.check_printed(self.run_with(self.folder / "link.so"), f"{self.folder}/link.so")

    def test_is_missing(self):
        path = self.folder / "absent.so"
        self.check_refused(self.run_with(path), f"the library {path}: No such file or directory")
        self.check_refused(self.run_with(path, "--check", "true"), f"{path}: No such file")

    def test_of_this_program_is_missing(self):
        (self.folder / "bin").mkdir()
        program = shutil.copy(self.program, self.folder / "bin" / "hakmem-run")
        result = subprocess.run([program, *SHOW], capture_output=True, text=True)
        self.check_refused(result, "libhakmem_malloc.so.0", "No such file or directory; give --library=PATH")

    def test_has_a_path_that_cannot_stand_in_the_variable(self):
        for name in ("a b.so", "a:b.so"):
            shutil.copy(self.library, self.folder / name)
            self.check_refused(self.run_with(self.folder / name), f"{name}: a path with a space or a colon")
        folder = self.folder / "a folder"
        folder.mkdir()
        shutil.copy(self.library, folder)
        self.check_refused(self.run_with("libours.so", cwd=folder), "a path with a space or a colon")

    def test_is_no_library(self):
        program = self.build("program", support.PRINTS_RAN, "-no-pie")
        cut = self.write("cut.so", self.library.read_bytes()[:100])
        for path, text in (
            (self.write("text.so", "text"), "not a 64-bit little-endian shared library"),
            (self.write("empty.so", ""), "not a 64-bit little-endian shared library"),
            (program, "not a 64-bit little-endian shared library"),
            (cut, "a damaged ELF file"),
            (self.folder, "Permission denied"),
            ("/" + "x" * 5000, "too long"),
        ):
            self.check_refused(self.run_with(path), text)

    def test_has_no_malloc(self):
        users = "#include <stdlib.h>\nvoid *use(void) { return malloc(1); }"
        for flags in ([], ["-Wl,--hash-style=sysv"]):
            path = self.build_library("libuser.so", users, *flags)
            self.check_refused(self.run_with(path), f"{path} exports no malloc")


if __name__ == "__main__":
    support.main()
