# SPDX-License-Identifier: MIT
"""Parses and prints a JSON document again and again."""
import json

document = {f"key {i}": {"id": i, "names": [f"name {i * j}" for j in range(i % 12)], "ratio": i / 7, "next": None}
            for i in range(4000)}
text = json.dumps(document)
for _ in range(20):
    copy = json.loads(text)
    text = json.dumps(copy, sort_keys=True, indent=1)
print(len(text))
