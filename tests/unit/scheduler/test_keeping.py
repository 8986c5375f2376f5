"""When a scheduler keeps a snapshot, with time passed in."""

from __future__ import annotations

import asyncio

from events.live import LiveJobs, LiveState
from events.log import UnavailableError
from services.scheduler.keeping import EVERY_EVENTS, EVERY_S, RENEWED_S, Keeper, is_due


class Shelf:
    """A store that can be away, or slow."""

    def __init__(self) -> None:
        self.kept: list[int] = []
        self.is_away = False
        self.open = asyncio.Event()
        self.open.set()

    async def keep(self, state: LiveState) -> None:
        await self.open.wait()
        if self.is_away:
            raise UnavailableError("away")
        self.kept.append(state.sequence)


def jobs_at(sequence: int, event_id: str = "e") -> LiveJobs:
    return LiveJobs(LiveState(sequence=sequence, event_id=event_id))


def test_only_after_many_events_and_some_time_or_long_after_it() -> None:
    assert is_due(events=EVERY_EVENTS, age_s=EVERY_S, is_first=False)
    assert not is_due(events=EVERY_EVENTS - 1, age_s=EVERY_S, is_first=False)
    assert not is_due(events=10 * EVERY_EVENTS, age_s=EVERY_S - 1, is_first=False)
    assert is_due(events=0, age_s=RENEWED_S, is_first=False)


def test_the_first_one_waits_for_events_alone() -> None:
    assert is_due(events=EVERY_EVENTS, age_s=0, is_first=True)
    assert not is_due(events=EVERY_EVENTS - 1, age_s=0, is_first=True)


async def test_a_history_that_was_read_is_kept_at_its_end_and_then_now_and_then() -> None:
    shelf, times_s = Shelf(), iter((0.0, 0.0, 1.0, 2.0, 1.0 + EVERY_S))
    keeper = Keeper(shelf, kept=0, clock=lambda: next(times_s))
    for sequence, caught_up in ((1, False), (2, True), (9, True), (10, True)):
        keeper.offer(jobs_at(sequence * EVERY_EVENTS), caught_up)
        await keeper.settled()
    assert shelf.kept == [2 * EVERY_EVENTS, 10 * EVERY_EVENTS]


async def test_there_is_one_at_a_time_and_one_that_failed_is_made_up_for() -> None:
    shelf, times_s = Shelf(), iter((0.0, EVERY_S, 2 * EVERY_S, 3 * EVERY_S))
    keeper = Keeper(shelf, kept=0, clock=lambda: next(times_s))
    shelf.open.clear()
    shelf.is_away = True
    keeper.offer(jobs_at(EVERY_EVENTS), caught_up=True)
    keeper.offer(jobs_at(2 * EVERY_EVENTS), caught_up=True)
    shelf.open.set()
    await keeper.settled()
    assert shelf.kept == []
    shelf.is_away = False
    keeper.offer(jobs_at(2 * EVERY_EVENTS + 1), caught_up=True)
    await keeper.settled()
    assert shelf.kept == [2 * EVERY_EVENTS + 1]


async def test_none_ends_with_an_event_that_could_not_be_read() -> None:
    shelf = Shelf()
    keeper = Keeper(shelf, kept=0, clock=lambda: 0.0)
    keeper.offer(jobs_at(EVERY_EVENTS, event_id=""), caught_up=True)
    await keeper.settled()
    assert shelf.kept == []
