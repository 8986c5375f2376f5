"""Who was heard when, as the wires tell it: the measure of whether an executor was rightly declared lost."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from tests.simulation.violation import check

SLACK_S: Final = 60.0
"""How long a decision may take from its making to its sending: a scheduler may be paused in between."""
UNNOTICED_S: Final = 5.5
"""By how much a scheduler's clock may jump without its noticing."""


class Silence:
    """For each scheduler and executor the last heartbeat that reached the scheduler's machine.

    It counts as heard where the scheduler's process was paused at the time: its own sleep is no proof
    of anybody's death.
    """

    def __init__(self, lease_s: float, handover_s: float) -> None:
        self._lease_s = lease_s
        self._handover_s = handover_s
        self._listening_since: dict[str, float] = {}
        self._last: dict[tuple[str, str], float] = {}
        self._lapsed_until: dict[tuple[str, str], float] = defaultdict(lambda: -1e9)

    def listens(self, scheduler: str, now_s: float) -> None:
        """The scheduler is new, or its connection is."""
        for pair in [pair for pair in self._last if pair[0] == scheduler]:
            self._note_lapse(pair, now_s)
        self._listening_since[scheduler] = now_s

    def heard(self, scheduler: str, executor: str, now_s: float) -> None:
        """A heartbeat arrived."""
        self._note_lapse((scheduler, executor), now_s)
        self._last[scheduler, executor] = now_s

    def check(self, *, scheduler: str, executor: str, left: bool, asked_at_s: float) -> None:
        """See that the executor's lease had run out when, or shortly before, it was declared lost.

        The lease of one that `left` is longer; that of one that was not heard to leave is the usual one.
        """
        pair = (scheduler, executor)
        silent_s = asked_at_s - self._known(pair)
        lease_s = self._handover_s if left else self._lease_s
        lapsed = silent_s >= lease_s - UNNOTICED_S or asked_at_s - self._lapsed_until[pair] <= SLACK_S
        message = f"{scheduler} declared {executor} lost, {silent_s:.1f} s after it was heard"
        check("lost only when silent", lapsed, message)

    def _known(self, pair: tuple[str, str]) -> float:
        return max(self._last.get(pair, 0.0), self._listening_since.get(pair[0], 0.0))

    def _note_lapse(self, pair: tuple[str, str], now_s: float) -> None:
        if now_s - self._known(pair) >= self._lease_s - UNNOTICED_S:
            self._lapsed_until[pair] = now_s
