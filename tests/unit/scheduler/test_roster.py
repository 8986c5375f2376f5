"""An executor's silence counts only while the scheduler itself was awake, by a clock that ran on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.scheduler.roster import Roster

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, by_s: float) -> None:
        self.now += timedelta(seconds=by_s)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def roster(clock: Clock) -> Roster:
    return Roster(clock)


def silence_s(roster: Roster, clock: Clock) -> float:
    return roster.sightings().silent_s("e", clock())


def test_silence_grows_while_it_is_asked_for_and_ends_when_the_executor_is_heard(
    roster: Roster, clock: Clock
) -> None:
    for second in range(20):
        assert silence_s(roster, clock) == second
        clock.move(1)
    roster.heard("e")
    assert silence_s(roster, clock) == 0


@pytest.mark.parametrize("jump_s", [6, 3600, -1, -3600])
def test_a_pause_or_a_clock_that_was_set_says_nothing_about_executors(
    roster: Roster, clock: Clock, jump_s: float
) -> None:
    roster.heard("e")
    silence_s(roster, clock)
    clock.move(jump_s)
    assert silence_s(roster, clock) == 0
    clock.move(3)
    assert silence_s(roster, clock) == 3


async def test_an_outage_says_nothing_about_executors(roster: Roster, clock: Clock) -> None:
    clock.move(4)
    await roster.listen_afresh()
    assert silence_s(roster, clock) == 0


def test_who_has_been_gone_for_a_day_is_forgotten_and_still_silent(roster: Roster, clock: Clock) -> None:
    roster.heard("e")
    for _ in range(24 * 3600 // 4 + 1):
        clock.move(4)
        found = roster.sightings()
    assert found.last == {} == dict(found.beats)
    assert silence_s(roster, clock) > 24 * 3600
