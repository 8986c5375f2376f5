"""Who takes an attempt when several executors could: the emptiest, without a word between them.  Pure.

Each executor knows the others' slots by their heartbeats and what they run by the log.  It leaves an attempt
to those that are emptier than itself, a moment for each; alone, or the emptiest, it takes it at once.  An
emptier one that does not (its Docker is away, say) delays an attempt by a second at most.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from events.job import Job
    from services.presence import Heartbeat

STEP_S: Final = 0.25
"""As often as a follower looks at a log in which nothing happens."""
_STEPS_MAX: Final = 4

Attempts: TypeAlias = "Iterable[tuple[str, int]]"


def delay_s(own: Heartbeat, others: Iterable[Heartbeat], running: Mapping[str, int]) -> float:
    """How long an executor leaves attempts to others.

    `own` tells how full it is; `others` may be old, so that of them only the slots count (and whether they
    take anything at all): what they run is in `running`, by their names.
    """
    fullness = own.running / own.slots
    emptier = sum(
        not beat.draining and beat.slots > 0 and running.get(beat.executor, 0) / beat.slots < fullness
        for beat in others
        if beat.executor != own.executor
    )
    return STEP_S * min(emptier, _STEPS_MAX)


def running_by_executor(jobs: Iterable[Job]) -> Counter[str]:
    """How many attempts each executor runs, by the log."""
    current = (job.current for job in jobs)
    return Counter(one.executor for one in current if one and one.executor and one.status == "running")


def waiting_for(jobs: Iterable[Job]) -> list[Job]:
    """Jobs whose attempt may start and nobody has taken yet, the first scheduled first."""
    found = [
        (job.current.scheduled_at, job)
        for job in jobs
        if job.current is not None and job.current.status == "scheduled" and not job.cancel_requested
    ]
    return [job for _, job in sorted(found, key=lambda pair: pair[0])]


class Patience:
    """How long each attempt has been waiting, as seen from here, by seconds of any steady clock."""

    def __init__(self) -> None:
        self._seen_at_s: dict[tuple[str, int], float] = {}

    def look(self, attempts: Attempts, now_s: float) -> None:
        """These wait now; all others do not any more."""
        self._seen_at_s = {one: self._seen_at_s.get(one, now_s) for one in attempts}

    def waited_s(self, attempt: tuple[str, int], now_s: float) -> float:
        """Since it was first seen to wait."""
        return now_s - self._seen_at_s.get(attempt, now_s)
