# SPDX-License-Identifier: MIT
"""What the tests of hakmem-run share.

usage of each: <name>_test.py <hakmem-run> <C compiler> [argument of unittest]...
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ALLOCATOR = r"""
#include <stddef.h>
#include <string.h>
static _Alignas(16) char memory[1 << 24];
static size_t used;
void *malloc(size_t size)
{
    size_t whole = (size + 31) / 16 * 16;
    size_t *block = (size_t *)(memory + __atomic_fetch_add(&used, whole, __ATOMIC_RELAXED));
    *block = size;
    return block + 2;
}
void free(void *block) { (void)block; }
void *calloc(size_t count, size_t size) { return malloc(count * size); }
void *realloc(void *block, size_t size)
{
    void *larger = malloc(size);
    if (block != NULL)
        memcpy(larger, block, ((size_t *)block)[-2] < size ? ((size_t *)block)[-2] : size);
    return larger;
}
"""

PRINTS_RAN = r"""
#include <stdio.h>
int main(void) { return puts("ran") < 0; }
"""


def main():
    """Takes the two paths out of the arguments, then runs the tests."""
    Case.hakmem_run, Case.compiler = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main()


class Case(unittest.TestCase):
    """A folder of its own, in which there are copies of hakmem-run and of a library that everybody may use."""

    hakmem_run = compiler = None

    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name).resolve()
        cls.folder.chmod(0o755)
        cls.program = shutil.copy(cls.hakmem_run, cls.folder / "hakmem-run")
        cls.library = cls.build_library("libours.so")

    @classmethod
    def build(cls, name, source, *flags):
        """Compiles a C program and gives its path."""
        path = cls.folder / name
        command = [cls.compiler, "-O1", "-fno-builtin", "-xc", "-", "-xnone", "-o", str(path), *map(str, flags)]
        subprocess.run(command, input=source, text=True, check=True)
        return path

    @classmethod
    def build_library(cls, name, source=ALLOCATOR, *flags):
        return cls.build(name, source, "-shared", "-fPIC", *flags)

    def write(self, name, content, mode=0o755):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    def run_bare(self, *arguments, environment=None, **options):
        """hakmem-run with these arguments alone, and LD_PRELOAD only where `environment` has it."""
        plain = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        return subprocess.run(
            [str(self.program), *map(str, arguments)], env=plain | (environment or {}), capture_output=True, text=True,
            errors="replace", timeout=60, **options,
        )

    def run_it(self, *arguments, **options):
        return self.run_bare(f"--library={self.library}", *arguments, **options)

    def check_refused(self, result, *texts, status=125, lines=1):
        """Nothing was run, and each of `texts` stands in what was said."""
        self.assertEqual((result.returncode, result.stdout), (status, ""), result.stderr)
        said = result.stderr.splitlines()
        self.assertEqual(len(said), lines, result.stderr)
        for line in said:
            self.assertTrue(line.startswith("hakmem-run: "), line)
        for text in texts:
            self.assertIn(text, result.stderr)

    def check_printed(self, result, text):
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, text, ""))
