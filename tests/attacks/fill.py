"""Fills the disk: with one file, with deleted files that stay open, and with many."""
# ruff: noqa: PTH108, PTH123, SIM115 - an attack takes the shortest way, and closes nothing

from __future__ import annotations

import os
import sys

folder = sys.argv[sys.argv.index("--output") + 1]
block = os.urandom(2**20)
held = []
try:
    for number in range(64):
        held.append(open(f"{folder}/held-{number}", "wb", buffering=0))
        os.unlink(f"{folder}/held-{number}")
        for _ in range(1000):
            held[-1].write(block)
except OSError as error:
    print(f"HELD deleted files {error.strerror}", flush=True)
held.clear()
number = 0
while True:
    number += 1
    with open(f"{folder}/{number}", "wb") as file:
        file.write(block)
