"""Spans of time as people write and read them."""

from __future__ import annotations

import re
from typing import Final

_PART: Final = re.compile(r"(\d+)([dhms]?)")
_SECONDS: Final = {"d": 86_400, "h": 3600, "m": 60, "s": 1, "": 1}


def parse_duration_s(text: str) -> int:
    """Seconds in words such as ``10m``, ``1h30m``, ``90s``, ``90``, ``30d``.

    Raises:
        ValueError: it is something else, or no time at all.
    """
    parts = _PART.findall(text.strip().lower())
    total_s = sum(int(number) * _SECONDS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text.strip().lower() or total_s == 0:
        raise ValueError(f"{text!r} is no span of time; write 10m, 1h30m or 90s")
    return total_s


def show_duration(seconds: float) -> str:
    """``0:07``, ``12:34``, ``1:02:03``."""
    minutes, rest_s = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest_s:02}" if hours else f"{minutes}:{rest_s:02}"
