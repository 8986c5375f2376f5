"""Which executors count as alive."""

from __future__ import annotations

import msgspec
import pytest

from services.attendance import ALIVE_S, Attendance
from services.presence import Heartbeat, decode, encode


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def beat(executor: str, *, running: int) -> bytes:
    return msgspec.json.encode({"executor": executor, "running": running, "slots": 4})


def test_the_newest_heartbeat_counts_until_it_is_old() -> None:
    clock = Clock()
    executors = Attendance(clock)
    executors.heard(beat("b", running=1))
    executors.heard(beat("a", running=2))
    clock.now_s += ALIVE_S
    executors.heard(beat("b", running=3))
    a, b = (Heartbeat(executor="a", slots=4, running=2), Heartbeat(executor="b", slots=4, running=3))
    assert executors.alive() == [a, b]
    clock.now_s += 0.1
    assert executors.alive() == [b]
    executors.heard(encode(Heartbeat(executor="b", slots=4, running=0, leaving=True)))
    assert executors.alive() == []


def test_a_heartbeat_of_another_version_is_read_as_far_as_it_goes() -> None:
    older = beat("a", running=1)
    assert decode(older) == Heartbeat(executor="a", slots=4, running=1)
    newer = {**msgspec.json.decode(older), "gpus": 2, "draining": True}
    assert decode(msgspec.json.encode(newer)) == Heartbeat(executor="a", slots=4, running=1, draining=True)


@pytest.mark.parametrize(("running", "draining", "free"), [(1, False, 3), (5, False, 0), (1, True, 0)])
def test_a_full_or_draining_executor_has_nothing_free(running: int, draining: bool, free: int) -> None:
    told = Heartbeat(executor="a", slots=4, running=running, draining=draining)
    assert (told.free, told.places) == (free, running + free)


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b'{"executor": "a"}', beat("a", running=-1)])
def test_what_is_no_heartbeat_is_no_executor(payload: bytes) -> None:
    executors = Attendance(Clock())
    executors.heard(payload)
    assert executors.alive() == []
