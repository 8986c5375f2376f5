"""Which executors say that they live, and how busy they are, by the heartbeats that are heard here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from services.presence import HeartbeatError, decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.presence import Heartbeat

ALIVE_S: Final = 15.0
"""An executor that has been silent for longer is not counted; they speak every two seconds."""

_KNOWN_MAX: Final = 1000

_log = structlog.get_logger(__name__)


class Attendance:
    """The newest heartbeat of each; `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heard: dict[str, tuple[float, Heartbeat]] = {}

    def heard(self, payload: bytes) -> None:
        """Take a heartbeat; one that is none is logged, and so is one executor too many."""
        try:
            beat = decode(payload)
        except HeartbeatError as error:
            _log.warning("heartbeat_unreadable", error=str(error))
            return
        self._forget_silent()
        if beat.leaving:
            self._heard.pop(beat.executor, None)
            return
        if beat.executor not in self._heard and len(self._heard) >= _KNOWN_MAX:
            _log.warning("executors_too_many", executor=beat.executor)
            return
        self._heard[beat.executor] = (self._clock(), beat)

    def alive(self) -> list[Heartbeat]:
        """The newest heartbeat of each executor that was heard lately, by name."""
        self._forget_silent()
        return [beat for _, (_, beat) in sorted(self._heard.items())]

    def _forget_silent(self) -> None:
        oldest = self._clock() - ALIVE_S
        self._heard = {name: held for name, held in self._heard.items() if held[0] >= oldest}
