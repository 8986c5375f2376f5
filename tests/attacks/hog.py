"""Takes memory: first more than there is at once, then all there is, in several processes."""

from __future__ import annotations

import os

try:
    held = bytearray(100 * 10**9)
    print("BROKE 100 GB", flush=True)
except MemoryError:
    print("HELD 100 GB", flush=True)
os.fork()
os.fork()
print("eating", flush=True)
blocks = []
while True:
    blocks.append(os.urandom(2**22))
