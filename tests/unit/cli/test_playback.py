"""A history as a film: paced by its own times, on a clock that a test turns."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from cli.playback import Playback
from tests.unit.cli.history import BEGAN_AT, HISTORY


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = BEGAN_AT + timedelta(days=100)
        self.slept: list[float] = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.mark.parametrize("speed", [1, 10])
async def test_events_come_when_they_came_so_many_times_as_fast(speed: float) -> None:
    time = Time()
    playback = Playback(HISTORY, speed=speed, clock=time, sleep=time.sleep)
    async for record in playback.records():
        assert abs(playback.now() - record.time) < timedelta(milliseconds=1)
    assert time.slept == pytest.approx([0, *[1 / speed] * 13])
    time.now += timedelta(hours=1)
    assert playback.now() == HISTORY[-1].time


async def test_at_full_speed_nothing_is_waited_for_and_the_time_is_that_of_the_last_event() -> None:
    time = Time()
    playback = Playback(HISTORY, speed=float("inf"), clock=time, sleep=time.sleep)
    assert [record async for record in playback.records()] == HISTORY
    assert (time.slept, playback.now()) == ([], HISTORY[-1].time)


async def test_a_writer_whose_clock_is_behind_costs_no_time() -> None:
    time = Time()
    late = replace(HISTORY[1], time=BEGAN_AT - timedelta(hours=1))
    playback = Playback([HISTORY[0], late, HISTORY[2]], speed=1, clock=time, sleep=time.sleep)
    assert len([record async for record in playback.records()]) == 3
    assert time.slept == [0, 0, 2]
