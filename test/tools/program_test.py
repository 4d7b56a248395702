# SPDX-License-Identifier: MIT
"""Programs in which a preloaded library has no effect, and some that look like those."""
import support

DEFINES_MALLOC = support.ALLOCATOR + support.PRINTS_RAN
CALLS_MALLOC = r"""
#include <stdio.h>
#include <stdlib.h>
void *(*address)(size_t) = malloc;
int main(void) { free(address(10)); return puts("ran") < 0; }
"""
ELF_CLASS, ELF_DATA, ELF_MACHINE = 4, 5, 18


class Program(support.Case):
    def patched(self, name, offset, byte):
        content = bytearray(self.build(name, support.PRINTS_RAN).read_bytes())
        content[offset] = byte
        return self.write(name, bytes(content))

    def test_maps_the_library(self):
        result = self.run_it("cat", "/proc/self/maps")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(str(self.library), result.stdout)

    def test_static(self):
        for flag in ("-static", "-static-pie"):
            path = self.build(f"program{flag}", support.PRINTS_RAN, flag)
            self.check_refused(self.run_it(path), f"{path} is statically linked")

    def test_loaded_but_without_libraries(self):
        path = self.build("alone", "void _start(void) { for (;;) ; }", "-nostdlib", "-pie", "-fPIE")
        self.check_refused(self.run_it(path), "is statically linked")

    def test_exports_malloc_of_its_own(self):
        for style in ("gnu", "sysv"):
            path = self.build(f"own_{style}", DEFINES_MALLOC, "-rdynamic", f"-Wl,--hash-style={style}", "-s")
            self.check_refused(self.run_it(path), f"{path} defines malloc itself")

    def test_has_malloc_of_its_own_that_only_its_symbol_table_shows(self):
        path = self.build("hides", DEFINES_MALLOC, "-fvisibility=hidden")
        self.check_refused(self.run_it(path), "defines malloc itself")

    def test_runs_a_program_that_takes_the_address_of_malloc(self):
        for flags in (["-no-pie", "-fno-pic"], ["-pie"], ["-pie", "-Wl,--hash-style=sysv", "-rdynamic"]):
            self.check_printed(self.run_it(self.build("calls", CALLS_MALLOC, *flags)), "ran\n")

    def test_runs_a_program_linked_with_another_allocator(self):
        self.build_library("libjemalloc.so.2", support.ALLOCATOR, "-Wl,-soname,libjemalloc.so.2")
        path = self.build("linked", CALLS_MALLOC, f"{self.folder}/libjemalloc.so.2", f"-Wl,-rpath,{self.folder}")
        self.check_printed(self.run_it(path), "ran\n")

    def test_for_32_bits(self):
        self.check_refused(self.run_it(self.patched("small", ELF_CLASS, 1)), "is a 32-bit program")

    def test_big_endian(self):
        self.check_refused(self.run_it(self.patched("big", ELF_DATA, 2)), "is a big-endian program")

    def test_for_another_processor(self):
        self.check_refused(self.run_it(self.patched("other", ELF_MACHINE, 250)), "another processor (ELF machine")

    def test_with_another_c_library(self):
        for loader, name in (("/lib/ld-musl-x86_64.so.1", "musl"), ("/lib64/ld-linux-x86-64.so.2", "glibc")):
            path = self.build(f"with_{name}", support.PRINTS_RAN, f"-Wl,--dynamic-linker={loader}")
            for needed, library in (("libc.so.6", "glibc"), ("libc.so", "musl"), ("libc.musl-x86_64.so.1", "musl")):
                result = self.run_bare("--check", f"--library={self.library_that_needs(needed)}", path)
                if name == library:
                    self.assertNotIn("built for", result.stderr)
                else:
                    self.check_refused(result, f"uses {name}, the library is built for {library}")

    def library_that_needs(self, name):
        """A library that needs `name`, and nothing else."""
        (self.folder / "needed").mkdir(exist_ok=True)
        needed = self.build_library("needed/libc.so", "int nothing;", "-nostdlib", f"-Wl,-soname,{name}")
        return self.build_library(f"lib-for-{name}", support.ALLOCATOR, "-nostdlib", "-Wl,--no-as-needed", needed)

    def test_says_every_reason(self):
        other = self.build_library("libother.so")
        path = self.build("both", support.PRINTS_RAN, "-static")
        result = self.run_it(path, environment={"LD_PRELOAD": str(other)})
        self.check_refused(result, "is statically linked", f"another allocator, {other}", lines=2)


if __name__ == "__main__":
    support.main()
