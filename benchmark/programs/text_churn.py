# SPDX-License-Identifier: MIT
"""Splits, joins, counts and replaces words with regular expressions."""
import random
import re
from collections import Counter

random.seed(2)
words = ["".join(random.choices("abcdefghij", k=random.randrange(2, 12))) for _ in range(5000)]
text = "\n".join(" ".join(random.choices(words, k=12)) for _ in range(6000))
for letter in "abcdefghij":
    text = re.sub(rf"\b{letter}(\w+)", lambda match: match[1].title(), text)
    counts = Counter(re.findall(r"\w+", text))
    lines = sorted(line.split() for line in text.splitlines())
    text = "\n".join(" ".join(line) for line in lines)
print(len(text), counts.most_common(1))
