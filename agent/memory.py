"""How much memory there is for this process and its children: the machine's, or what its group may use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path("/sys/fs/cgroup")
_LIMITS: Final = ("memory.max", "memory/memory.limit_in_bytes")
"""The limit of the group that a container sees as its root, as versions 2 and 1 of control groups name it."""


def memory_bytes(root: Path = ROOT) -> int:
    """The limit in bytes; a group without one says ``max``, or a number beyond all memory."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    said = [(root / name).read_text().strip() for name in _LIMITS if (root / name).is_file()]
    return min([machine, *(int(limit) for limit in said if limit.isdigit())])
