"""Leaves what is no file to read: links, a pipe, a way up, a sparse giant, a deep tree, odd names."""
# ruff: noqa: PTH101, PTH102 - plain calls, which need no path that is a whole one

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

folder = Path(sys.argv[sys.argv.index("--output") + 1])
(folder / "submission.csv").symlink_to("/proc/1/environ")
(folder / "oof.csv").symlink_to("/etc/passwd")
os.mkfifo(folder / "importance.csv")
(folder / "out").symlink_to("/output")
with contextlib.suppress(OSError):
    (folder / ".." / "up.csv").write_text("x")
    print("BROKE way up", flush=True)
try:
    with (folder / "giant.csv").open("wb") as giant:
        giant.truncate(50 * 10**9)
    print("BROKE sparse giant", flush=True)
except OSError as error:
    print(f"HELD sparse giant {error.strerror}", flush=True)
Path(os.fsdecode(bytes(folder) + b"/\xff\xfe.csv")).write_text("x")
(folder / "plain.csv").write_text("plain")
os.chdir(folder)
for _ in range(1200):
    os.mkdir("d")
    os.chdir("d")
os.chmod(".", 0)
