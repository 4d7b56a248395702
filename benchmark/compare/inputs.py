# SPDX-License-Identifier: MIT
"""What the programs of ../rows read: made here, the same everywhere."""
import random
import subprocess

from errors import Refusal


def random_pla(path):
    """A two-level logic function for espresso: 12 inputs, 6 outputs."""
    draw = random.Random(1)
    terms = (f"{''.join(draw.choices('01-', k=12))} {''.join(draw.choices('01', k=6))}\n" for _ in range(220))
    path.write_text(f".i 12\n.o 6\n{''.join(terms)}.e\n")


def functions_c(path):
    """Loops, switches and calls for a C compiler."""
    draw = random.Random(2)
    text = ["struct node { struct node *next; long key; char name[24]; };\n"]
    for n in range(100):
        cases = "".join(f"        case {k}: sum += node->key * {draw.randrange(99)} + n; break;\n" for k in range(12))
        call = f"f{draw.randrange(n)}(node->next, n + {n})" if n else "n"
        text.append(f"long f{n}(struct node *node, long n)\n{{\n    long sum = {n};\n"
                    f"    for (; node; node = node->next) {{\n"
                    f"        switch (node->key % 16) {{\n{cases}        default: sum ^= {call};\n        }}\n"
                    f"        for (int i = 0; i < 24; i++) node->name[i] += sum >> i;\n    }}\n    return sum;\n}}\n")
    path.write_text("".join(text))


def lines(path):
    draw = random.Random(3)
    path.write_text("".join(f"{draw.randrange(10**7):07} {draw.getrandbits(32):08x} {'w' * draw.randrange(90)}\n"
                            for _ in range(500_000)))


def redis_load(path):
    """Commands in Redis' own protocol: keys and fields that come, grow and go."""
    draw = random.Random(4)

    def command(*words):
        return f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in map(str, words))

    def step(number):
        key = draw.randrange(5000)
        yield command("SET", f"string:{key}", "v" * draw.randrange(300))
        yield command("APPEND", f"string:{key}", "a" * draw.randrange(100))
        yield command("HSET", f"hash:{key % 500}", f"field:{draw.randrange(200)}", "h" * draw.randrange(100))
        yield command("ZADD", f"sorted:{key % 50}", draw.randrange(10**6), f"member:{key}")
        yield command("RPUSH", f"list:{key % 100}", "l" * draw.randrange(80))
        yield command("LPOP", f"list:{draw.randrange(100)}")
        yield command("DEL", f"string:{draw.randrange(5000)}")

    path.write_text("".join(text for number in range(60_000) for text in step(number)), newline="")


def changes_git(path):
    """A repository of 300 commits that each change some of 40 files."""
    draw = random.Random(5)
    files = [[f"line {draw.getrandbits(64)}\n" for _ in range(200)] for _ in range(40)]
    stream = []
    for number in range(300):
        stream.append(f"commit refs/heads/main\ncommitter A <a@b.c> {number} +0000\ndata 0\n")
        for name in range(40) if number == 0 else draw.sample(range(40), 8):
            start = draw.randrange(200)
            files[name][start:start + 5] = [f"changed {draw.getrandbits(64)}\n" for _ in range(5)]
            text = "".join(files[name])
            stream.append(f"M 644 inline file{name}\ndata {len(text)}\n{text}\n")
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path], check=True)
    subprocess.run(["git", "-C", path, "fast-import", "--quiet"], input="".join(stream), text=True, check=True)


MAKERS = {"random.pla": random_pla, "functions.c": functions_c, "lines": lines, "redis.load": redis_load,
          "changes.git": changes_git}


def make(names, directory):
    for name in names:
        if name not in MAKERS:
            raise Refusal(f"benchmark/rows: there is no input '{name}'; there are: {' '.join(MAKERS)}")
        MAKERS[name](directory / name)
