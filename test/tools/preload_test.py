# SPDX-License-Identifier: MIT
"""What becomes of LD_PRELOAD."""
import os

import support

SHOW = ("sh", "-c", 'printf %s "$LD_PRELOAD"')


class Preload(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first = cls.build_library("libfirst.so", "int first;")
        cls.second = cls.build_library("libsecond.so", "int second;")

    def run_with(self, preload, *command, **more):
        return self.run_it(*(command or SHOW), environment={"LD_PRELOAD": preload} | more)

    def test_begins_with_the_library(self):
        self.check_printed(self.run_it(*SHOW), str(self.library))
        self.check_printed(self.run_with(""), str(self.library))

    def test_keeps_the_other_entries(self):
        for separator in (":", " ", " : "):
            given = f"{self.first}{separator}{self.second}"
            self.check_printed(self.run_with(given), f"{self.library}:{self.first}:{self.second}")

    def test_has_the_library_once(self):
        link = self.folder / "liblink.so"
        os.symlink(self.library, link)
        for given in (f"{self.library}", f"{self.library}:{self.library}", f"{link}"):
            self.check_printed(self.run_with(given), str(self.library))
        self.check_printed(self.run_with(f"{self.first}:{link}"), f"{self.library}:{self.first}")
        self.check_printed(
            self.run_with(self.library.name, LD_LIBRARY_PATH=str(self.folder)), str(self.library)
        )

    def test_may_be_set_by_another_hakmem_run(self):
        again = [str(self.program), f"--library={self.library}", *SHOW]
        self.check_printed(self.run_it(*again), str(self.library))

    def test_keeps_what_the_loader_cannot_load(self):
        result = self.run_with("/no/such/library.so")
        self.assertEqual((result.returncode, result.stdout), (0, f"{self.library}:/no/such/library.so"))

    def test_names_another_allocator(self):
        for name in ("libmimalloc.so.2", "libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libsnmallocshim.so",
                     "librpmallocwrap.so"):
            path = self.build_library(name, "int empty;")
            self.check_refused(self.run_with(f"{self.first}:{path}"), f"another allocator, {path}; take it out")

    def test_names_a_library_that_exports_malloc(self):
        other = self.build_library("libother.so")
        self.check_refused(self.run_with(f"{other}"), f"another allocator, {other}")
        self.check_refused(
            self.run_with("libother.so", LD_LIBRARY_PATH=str(self.folder)), "another allocator, libother.so"
        )
        self.check_refused(self.run_with(f"{other}", "--check", "true"), f"another allocator, {other}")


if __name__ == "__main__":
    support.main()
