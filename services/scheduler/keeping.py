"""When a scheduler keeps a snapshot of its live jobs: now and then, one at a time, beside its work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from events.log import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.live import LiveJobs, LiveState

EVERY_EVENTS: Final = 5_000
"""A start reads at most so many, and those of a minute, besides: well below a second's work."""
EVERY_S: Final = 60.0
RENEWED_S: Final = 86_400.0
"""However quiet the log is: what is stored is forgotten after a week."""

_log = structlog.get_logger(__name__)


class Store(Protocol):
    """Where snapshots go; `services.live_store.LiveStore` says what it promises."""

    async def keep(self, state: LiveState) -> None: ...  # noqa: D102


def is_due(*, events: int, age_s: float, is_first: bool) -> bool:
    """So many events and so long after the last snapshot another one is worth its while.

    The first one does not wait: it is made at the end of a history that was read, or late in a long one.
    """
    return (events >= EVERY_EVENTS and (age_s >= EVERY_S or is_first)) or age_s >= RENEWED_S


class Keeper:
    """Keeps snapshots; `kept` is the sequence of the one there is, `clock` gives seconds, never set back."""

    def __init__(self, store: Store, *, kept: int, clock: Callable[[], float]) -> None:
        self._store = store
        self._kept = kept
        self._clock = clock
        self._tried_at_s = clock()
        self._has_caught_up = False
        self._task: asyncio.Task[None] | None = None

    def offer(self, jobs: LiveJobs, caught_up: bool) -> None:
        """Keep these if it is time; returns at once.  `caught_up` says whether they are the newest."""
        is_first = caught_up and not self._has_caught_up
        self._has_caught_up |= caught_up
        now_s = self._clock()
        events, age_s = jobs.sequence - self._kept, now_s - self._tried_at_s
        if not is_due(events=events, age_s=age_s, is_first=is_first):
            return
        state = jobs.state
        # Without an id of its last event nobody could tell whether the log still ends so.
        if state.event_id and (self._task is None or self._task.done()):
            self._tried_at_s = now_s
            self._task = asyncio.create_task(self._keep(state))

    async def settled(self) -> None:
        """Return once nothing is on its way."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _keep(self, state: LiveState) -> None:
        try:
            await self._store.keep(state)
        except UnavailableError as error:
            _log.warning("snapshot_not_kept", reason=str(error))
        else:
            self._kept = state.sequence
