"""Whether a process that is nobody's child of ours still lives."""

from __future__ import annotations

import os
from pathlib import Path


def name_of(pid: int) -> str | None:
    """A live process's name; None where there is none, or only what its parent has not yet taken note of.

    Where there is no /proc every name is empty.
    """
    if not Path("/proc/self").exists():
        return "" if _answers(pid) else None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, _, rest = stat.partition("(")[2].rpartition(")")
    return None if rest.split()[0] in "ZX" else name


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
