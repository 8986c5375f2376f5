"""Which executors count as alive."""

from __future__ import annotations

import msgspec
import pytest

from services.gateway.executors import ALIVE_S, Executors, Heartbeat


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def beat(executor: str, *, running: int) -> bytes:
    return msgspec.json.encode({"executor": executor, "running": running, "slots": 4})


def test_the_newest_heartbeat_counts_until_it_is_old() -> None:
    clock = Clock()
    executors = Executors(clock)
    executors.heard(beat("b", running=1))
    executors.heard(beat("a", running=2))
    clock.now_s += ALIVE_S
    executors.heard(beat("b", running=3))
    a, b = (Heartbeat(executor="a", slots=4, running=2), Heartbeat(executor="b", slots=4, running=3))
    assert executors.alive() == [a, b]
    clock.now_s += 0.1
    assert executors.alive() == [b]


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b'{"executor": "a"}', beat("a", running=-1)])
def test_what_is_no_heartbeat_is_no_executor(payload: bytes) -> None:
    executors = Executors(Clock())
    executors.heard(payload)
    assert executors.alive() == []
