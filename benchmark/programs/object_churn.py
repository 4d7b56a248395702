# SPDX-License-Identifier: MIT
"""Builds trees and dictionaries of small objects, and lets them die in another order."""
import random


class Node:
    def __init__(self, depth):
        self.children = [Node(depth - 1) for _ in range(4)] if depth else None
        self.name = "node" * (depth + 1)


random.seed(1)
live = {}
for step in range(240_000):
    key = random.randrange(20_000)
    live[key] = (str(key), [step] * random.randrange(20), {"step": step})
    if step % 3 == 0:
        live.pop(random.randrange(20_000), None)
    if step % 4000 == 0:
        live[f"tree {step % 5}"] = Node(5)
print(len(live))
