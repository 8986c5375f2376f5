"""Starts processes that start processes."""

from __future__ import annotations

import contextlib
import os
import time

print("forking", flush=True)
# Should nobody end it, it burns out: it may be tried on a machine that others use.
end = time.monotonic() + 5
while time.monotonic() < end:
    with contextlib.suppress(OSError):
        os.fork()
