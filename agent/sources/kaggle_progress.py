"""How far a download is, told often enough for a person and seldom enough for a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_STEP: Final = 0.01


class Meter:
    """Turns bytes into a fraction that never falls, and speaks when it grew by a hundredth."""

    def __init__(self, progress: Callable[[float, str], None], *, expected_bytes: int) -> None:
        self._progress = progress
        self._expected_bytes = max(1, expected_bytes)
        self._finished_bytes = 0
        self._told = -1.0

    def moved(self, name: str, file_bytes: int, received: int, size: int | None) -> None:
        """`received` of the `size` bytes of a transfer came, which stands for `file_bytes` of the whole."""
        share = received / size if size else 0.0
        unit, name_of_unit = (1e6, "MB") if (size or received) >= 1e6 else (1e3, "kB")
        of_size = f" of {size / unit:.1f}" if size else ""
        message = f"{name} {received / unit:.1f}{of_size} {name_of_unit}"
        self._tell(self._finished_bytes + share * file_bytes, message)

    def finished(self, name: str, file_bytes: int) -> None:
        """A file is there, unpacked."""
        self._finished_bytes += file_bytes
        self._tell(self._finished_bytes, f"{name} is complete")

    def _tell(self, done_bytes: float, message: str) -> None:
        fraction = min(1.0, done_bytes / self._expected_bytes)
        if fraction >= self._told + _STEP or (fraction == 1.0 and self._told < 1.0):
            self._told = fraction
            self._progress(fraction, message)
