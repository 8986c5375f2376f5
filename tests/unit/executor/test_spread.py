"""Attempts go to the emptiest executor: seen from one, and simulated over many with time passed in."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from events.catalogue import AttemptScheduled, AttemptStarted, JobCancelRequested
from services.executor.spread import STEP_S, Patience, delay_s, running_by_executor, waiting_for
from services.presence import Heartbeat
from tests.history import job_after


def beat(name: str, slots: int, running: int = 0, *, draining: bool = False) -> Heartbeat:
    return Heartbeat(executor=name, slots=slots, running=running, draining=draining)


@pytest.mark.parametrize(
    ("own", "others", "running", "steps"),
    [
        (beat("a", 4, 3), [], {}, 0),
        (beat("a", 4, 3), [beat("a", 4)], {"a": 0}, 0),  # its own heartbeat, and an old one
        (beat("a", 4, 1), [beat("b", 4), beat("c", 8)], {"b": 1, "c": 2}, 0),  # as full as they are
        (beat("a", 4, 1), [beat("b", 4), beat("c", 8)], {"c": 1}, 2),
        (beat("a", 4, 1), [beat("b", 4, 4)], {"b": 0}, 1),  # what the log says counts, not an old heartbeat
        (beat("a", 4, 1), [beat("b", 4, draining=True)], {}, 0),
        (beat("a", 4, 1), [beat(f"b{number}", 4) for number in range(50)], {}, 4),
    ],
)
def test_an_attempt_is_left_to_whoever_is_emptier(
    own: Heartbeat, others: list[Heartbeat], running: dict[str, int], steps: int
) -> None:
    assert delay_s(own, others, running) == steps * STEP_S


def test_the_log_says_what_runs_where_and_what_waits() -> None:
    def job(name: str, *more: str):
        events = [AttemptScheduled(job_id=name, attempt=1)]
        if "started" in more:
            events.append(
                AttemptStarted(job_id=name, attempt=1, executor="a", runtime="r", cpus=1, memory_bytes=1)
            )
        if "cancelled" in more:
            events.append(JobCancelRequested(job_id=name))
        return job_after(*events, job_id=name)

    jobs = [job("first", "started"), job("second"), job("third", "cancelled"), job_after(job_id="fourth")]
    assert running_by_executor(jobs) == {"a": 1}
    assert [one.job_id for one in waiting_for(jobs)] == ["second"]


def test_patience_begins_when_an_attempt_is_first_seen_to_wait() -> None:
    patience, one, two = Patience(), ("j", 1), ("j", 2)
    patience.look([one], 10.0)
    patience.look([one, two], 11.0)
    assert (patience.waited_s(one, 11.5), patience.waited_s(two, 11.5)) == (1.5, 0.5)
    patience.look([two], 12.0)
    patience.look([one, two], 13.0)
    assert (patience.waited_s(one, 13.0), patience.waited_s(two, 13.0)) == (0.0, 2.0)


class Fleet:
    """Executors that look at what waits a few times a second, in any order, by a log of a moment ago.

    `dead` ones are heard and claim nothing.
    """

    def __init__(self, slots: dict[str, int], *, dead: frozenset[str] = frozenset(), seed: int = 0) -> None:
        self.slots = slots
        self.running: Counter[str] = Counter()
        self.waited: list[float] = []
        self._dead = dead
        self._rng = random.Random(seed)
        self._patience = {name: Patience() for name in slots}
        self._now_s = 0.0

    def place(self, attempts: int, *, give_up_s: float = 5.0) -> None:
        """Let so many attempts arrive at once, and look on until all are taken, or for so long."""
        waiting = [(f"j{self._now_s}", number) for number in range(attempts)]
        began_s, seen = self._now_s, Counter(self.running)
        while waiting and self._now_s - began_s < give_up_s:
            for name in self._rng.sample(sorted(self.slots), len(self.slots)):
                self._look(name, waiting, seen, began_s)
            seen = Counter(self.running)
            self._now_s += STEP_S
        self._now_s += STEP_S

    def _look(self, name: str, waiting: list[tuple[str, int]], seen: Counter[str], began_s: float) -> None:
        patience = self._patience[name]
        patience.look(waiting, self._now_s)
        for attempt in list(waiting):
            if name in self._dead or self.running[name] >= self.slots[name]:
                return
            others = [beat(other, slots) for other, slots in self.slots.items()]
            own = beat(name, self.slots[name], self.running[name])
            if patience.waited_s(attempt, self._now_s) >= delay_s(own, others, seen | self.running):
                waiting.remove(attempt)
                self.running[name] += 1
                self.waited.append(self._now_s - began_s)

    @property
    def fullness(self) -> list[float]:
        return [self.running[name] / slots for name, slots in self.slots.items()]


@pytest.mark.parametrize("seed", range(5))
def test_over_several_hosts_the_work_spreads(seed: int) -> None:
    fleet = Fleet({"a": 4, "b": 4, "c": 8}, seed=seed)
    for _ in range(8):
        fleet.place(1)
        assert max(fleet.fullness) - min(fleet.fullness) <= 1 / 4
    assert max(fleet.waited) <= 2 * STEP_S
    fleet.place(20, give_up_s=10)
    assert fleet.running == fleet.slots, "all that fits is taken, and no more"


def test_an_executor_that_is_heard_and_takes_nothing_holds_nobody_up_for_long() -> None:
    fleet = Fleet({"a": 2, "dead": 8, "deader": 8}, dead=frozenset({"dead", "deader"}))
    fleet.place(1)
    fleet.place(1)
    assert fleet.running == {"a": 2}
    assert max(fleet.waited) <= 2 * STEP_S


def test_a_burst_comes_to_all_of_an_idle_fleet() -> None:
    fleet = Fleet(dict.fromkeys("abcdef", 4))
    fleet.place(12, give_up_s=20)
    assert len(fleet.waited) == 12
    assert min(fleet.fullness) >= 0.25
