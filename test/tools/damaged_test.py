# SPDX-License-Identifier: MIT
"""ELF files cut short or with wrong bytes: an answer each time, never a crash or a hang."""
import os
import random
import struct

import support

ANSWERS = (0, 125, 126)
LOADED = 1  # PT_LOAD
HASH = 5  # SHT_HASH


def loaded_end(content):
    """Where the part of an ELF file that is loaded ends."""
    (start,) = struct.unpack_from("<Q", content, 32)
    (count,) = struct.unpack_from("<H", content, 56)
    segments = [struct.unpack_from("<IIQQQQQQ", content, start + 56 * i) for i in range(count)]
    return max(offset + size for kind, _, offset, _, _, size, _, _ in segments if kind == LOADED)


def hash_table(content):
    """Where the table DT_HASH begins."""
    (start,) = struct.unpack_from("<Q", content, 40)
    (count,) = struct.unpack_from("<H", content, 60)
    sections = [struct.unpack_from("<IIQQQ", content, start + 64 * i) for i in range(count)]
    return next(offset for _, kind, _, _, offset in sections if kind == HASH)


class Damaged(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        flags = ("-rdynamic", "-Wl,-z,noseparate-code")
        cls.contents = {
            style: cls.build(style, support.PRINTS_RAN, *flags, f"-Wl,--hash-style={style}").read_bytes()
            for style in ("gnu", "sysv")
        }

    def check(self, content, answers=ANSWERS):
        result = self.run_it("--check", self.write("damaged", bytes(content)))
        self.assertIn(result.returncode, answers, result.stderr)
        self.assertEqual(result.stdout == "", result.returncode != 0)

    def test_cut(self):
        content = self.contents["gnu"]
        end = loaded_end(content)
        for length in (*range(1, 1000, 41), *range(1000, end, 197), end - 1):
            self.check(content[:length], answers=(126,))
        for length in range(end, len(content), 397):
            self.check(content[:length], answers=(0,))

    def test_with_a_wrong_byte_in_the_headers(self):
        for offset in range(4, 64 + 56 * 8):
            content = bytearray(self.contents["gnu"])
            content[offset] ^= 0xFF
            self.check(content)

    def test_with_wrong_bytes_anywhere(self):
        seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
        print(f"SEED={seed}")
        numbers = random.Random(seed)
        for _ in range(200):
            content = bytearray(self.contents[numbers.choice(("gnu", "sysv"))])
            for _ in range(numbers.randrange(1, 200)):
                content[numbers.randrange(4, len(content))] = numbers.choice((0, 1, 0x7F, 0xFF, numbers.randrange(256)))
            self.check(content)

    def test_with_symbols_that_follow_each_other_in_a_circle(self):
        content = bytearray(self.contents["sysv"])
        table = hash_table(content)
        buckets, symbols = struct.unpack_from("<2I", content, table)
        struct.pack_into(f"<{buckets + symbols}I", content, table + 8, *([1] * (buckets + symbols)))
        self.check(content, answers=(0,))

    def test_with_a_name_of_the_interpreter_that_does_not_end(self):
        content = self.contents["gnu"]
        name = content.index(b"/lib", 64)
        end = content.index(b"\0", name)
        path = self.write("damaged", content[:end] + b"x" + content[end + 1:])
        self.check_refused(self.run_it(path), "is a damaged or incomplete ELF file", status=126)

    def test_with_program_headers_of_another_size(self):
        content = bytearray(self.contents["gnu"])
        struct.pack_into("<H", content, 54, 57)
        self.check(content, answers=(126,))


if __name__ == "__main__":
    support.main()
