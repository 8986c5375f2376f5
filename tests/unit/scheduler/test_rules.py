"""The scheduler's decisions: given what happened, when it is so late, then these events follow."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from events.catalogue import (
    AttemptFailed,
    AttemptLost,
    AttemptScheduled,
    AttemptStarted,
    AttemptSucceeded,
    JobCancelled,
    JobCancelRequested,
    JobFailed,
    JobSucceeded,
    RetryScheduled,
)
from events.live import LiveJobs, LiveState
from services.presence import Heartbeat
from services.scheduler import rules
from services.scheduler.rules import Rules, Sightings
from tests.history import START, job_after, recorded, requested

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from events.catalogue import Event, Priority
    from events.job import Job


def decide(
    jobs: list[Job], sightings: Sightings, of: Rules, now: datetime, chance: Callable[[], float] = lambda: 0.5
) -> list[rules.Decision]:
    """What follows for these jobs, the oldest request first."""
    told = tuple(replace(job, requested_sequence=number) for number, job in enumerate(jobs, 1))
    return rules.decide(LiveJobs(LiveState(jobs=told)), sightings, of, now, chance=chance)


RULES = Rules()
NOW = START + timedelta(minutes=10)
ALIVE = Sightings(since=START, last={"host": NOW})


def scheduled(attempt: int = 1, job_id: str = "j1") -> AttemptScheduled:
    return AttemptScheduled(job_id=job_id, attempt=attempt)


def started(attempt: int = 1, job_id: str = "j1") -> AttemptStarted:
    return AttemptStarted(
        job_id=job_id, attempt=attempt, executor="host", runtime="process", cpus=1, memory_bytes=1
    )


def failed(attempt: int = 1, *, retryable: bool = True) -> AttemptFailed:
    return AttemptFailed(
        job_id="j1", attempt=attempt, reason="crash", message="It broke.", retryable=retryable
    )


def one_failed_attempt(attempt: int) -> tuple[AttemptScheduled, AttemptStarted, AttemptFailed]:
    return scheduled(attempt), started(attempt), failed(attempt)


def succeeded() -> AttemptSucceeded:
    return AttemptSucceeded(
        job_id="j1", attempt=1, task="t", metric="m", maximize=True, score=1, fold_scores=(), artifacts=()
    )


def test_a_new_job_gets_its_first_attempt() -> None:
    assert decide([job_after()], ALIVE, RULES, NOW) == [scheduled()]


def test_a_scheduled_attempt_is_not_scheduled_again() -> None:
    assert decide([job_after(scheduled())], ALIVE, RULES, NOW) == []


def test_places_go_to_the_oldest_jobs_and_only_as_many_as_are_free() -> None:
    running = [
        job_after(scheduled(job_id=f"r{n}"), started(job_id=f"r{n}"), job_id=f"r{n}") for n in range(8)
    ]
    queued = [job_after(job_id=f"q{n}") for n in range(5)]
    assert decide([*running, *queued], ALIVE, RULES, NOW) == [scheduled(job_id="q0"), scheduled(job_id="q1")]


def test_a_higher_priority_starts_first_and_the_oldest_request_first_within_one() -> None:
    asked = {"a": "low", "b": "normal", "c": "high", "d": "low", "e": "high", "f": "normal"}
    jobs = [replace(job_after(job_id=name), priority=priority) for name, priority in asked.items()]
    started = decide(jobs, ALIVE, RULES, NOW)
    assert "".join(one.job_id for one in started) == "cebfad"


def test_a_retry_keeps_its_place_before_later_requests() -> None:
    retry = job_after(*one_failed_attempt(1), RetryScheduled(job_id="j1", attempt=2, not_before=NOW))
    jobs = [job_after(job_id="older"), retry, job_after(job_id="younger")]
    assert decide(jobs, ALIVE, Rules(running_max=2), NOW) == [scheduled(job_id="older"), scheduled(2)]


def test_a_running_attempt_is_left_alone_whatever_waits() -> None:
    low = replace(job_after(scheduled(job_id="l"), started(job_id="l"), job_id="l"), priority="low")
    high = replace(job_after(job_id="h"), priority="high")
    assert decide([low, high], ALIVE, Rules(running_max=1), NOW) == []


def test_nothing_starts_while_all_places_are_taken() -> None:
    claimed = [job_after(scheduled(job_id=f"r{n}"), job_id=f"r{n}") for n in range(10)]
    assert decide([*claimed, job_after(job_id="q")], ALIVE, RULES, NOW) == []


def test_success_ends_the_job() -> None:
    job = job_after(scheduled(), started(), succeeded())
    assert decide([job], ALIVE, RULES, NOW) == [JobSucceeded(job_id="j1", attempt=1)]


def test_retries_come_after_one_minute_and_then_two() -> None:
    once = job_after(*one_failed_attempt(1))
    twice = job_after(
        *one_failed_attempt(1), RetryScheduled(job_id="j1", attempt=2, not_before=NOW), *one_failed_attempt(2)
    )
    assert decide([once], ALIVE, RULES, NOW) == [
        RetryScheduled(job_id="j1", attempt=2, not_before=NOW + timedelta(seconds=60))
    ]
    assert decide([twice], ALIVE, RULES, NOW) == [
        RetryScheduled(job_id="j1", attempt=3, not_before=NOW + timedelta(seconds=120))
    ]


def test_a_retry_waits_for_its_time() -> None:
    due = NOW + timedelta(seconds=1)
    job = job_after(*one_failed_attempt(1), RetryScheduled(job_id="j1", attempt=2, not_before=due))
    assert decide([job], ALIVE, RULES, NOW) == []
    assert decide([job], ALIVE, RULES, due) == [scheduled(2)]


def test_the_third_failure_is_the_last_and_says_so() -> None:
    retries = [RetryScheduled(job_id="j1", attempt=n, not_before=NOW) for n in (2, 3)]
    job = job_after(
        *one_failed_attempt(1), retries[0], *one_failed_attempt(2), retries[1], *one_failed_attempt(3)
    )
    [decision] = decide([job], ALIVE, RULES, NOW)
    assert isinstance(decision, JobFailed)
    assert decision.reason == "crash"
    assert decision.message == "All 3 attempts failed. The last: It broke."


def test_with_full_jitter_a_retry_waits_for_any_part_of_its_delay_as_chance_has_it() -> None:
    job = job_after(*one_failed_attempt(1))
    full = Rules(retry_jitter="full")
    due = [
        decide([job], ALIVE, full, NOW, chance=random.Random(seed).random)[0].not_before
        for seed in (*range(20), *range(20))
    ]
    assert due[:20] == due[20:]
    assert len(set(due)) == 20
    assert min(due) < NOW + timedelta(seconds=15) < NOW + timedelta(seconds=45) < max(due)
    assert max(due) < NOW + timedelta(seconds=60)


def test_a_failure_that_would_repeat_itself_is_final() -> None:
    job = job_after(scheduled(), started(), failed(retryable=False))
    assert decide([job], ALIVE, RULES, NOW) == [JobFailed(job_id="j1", reason="crash", message="It broke.")]


def test_a_queued_job_is_cancelled_at_once() -> None:
    cancel = JobCancelRequested(job_id="j1")
    assert decide([job_after(cancel)], ALIVE, RULES, NOW) == [JobCancelled(job_id="j1")]
    assert decide([job_after(scheduled(), cancel)], ALIVE, RULES, NOW) == [JobCancelled(job_id="j1")]


def test_a_running_job_is_cancelled_once_its_attempt_has_ended() -> None:
    cancel = JobCancelRequested(job_id="j1")
    assert decide([job_after(scheduled(), started(), cancel)], ALIVE, RULES, NOW) == []
    ended = job_after(scheduled(), started(), cancel, failed())
    assert decide([ended], ALIVE, RULES, NOW) == [JobCancelled(job_id="j1")]


def test_a_success_that_was_stored_before_the_cancel_took_hold_wins() -> None:
    job = job_after(scheduled(), started(), JobCancelRequested(job_id="j1"), succeeded())
    assert decide([job], ALIVE, RULES, NOW) == [JobSucceeded(job_id="j1", attempt=1)]


def test_a_silent_executor_loses_its_attempts_after_the_lease() -> None:
    job = job_after(scheduled(), started())
    heard = NOW - timedelta(seconds=15)
    silent = Sightings(since=START, last={"host": heard})
    assert decide([job], silent, RULES, NOW) == []
    assert decide([job], silent, RULES, NOW + timedelta(seconds=1)) == [
        AttemptLost(job_id="j1", attempt=1, executor="host", silent_s=16)
    ]


def test_an_executor_never_heard_has_the_lease_from_when_the_scheduler_began_to_listen() -> None:
    job = job_after(scheduled(), started())
    fresh = Sightings(since=NOW, last={})
    assert decide([job], fresh, RULES, NOW + timedelta(seconds=15)) == []
    assert len(decide([job], fresh, RULES, NOW + timedelta(seconds=16))) == 1


def test_one_that_left_its_attempts_has_longer_and_costs_the_job_nothing() -> None:
    leaving = Heartbeat(executor="host", slots=1, running=1, leaving=True)
    heard = replace(ALIVE, beats={"host": leaving})
    job = job_after(scheduled(), started())
    late = NOW + timedelta(seconds=120)
    assert decide([job], heard, RULES, late) == []
    (lost,) = decide([job], heard, RULES, late + timedelta(seconds=1))
    assert lost == AttemptLost(job_id="j1", attempt=1, executor="host", silent_s=121, left=True)
    job = job_after(scheduled(), started(), lost)
    assert job.current.failure.reason == "executor_left"
    assert decide([job], heard, RULES, NOW) == [RetryScheduled(job_id="j1", attempt=2, not_before=NOW)]


def stopped(attempt: int) -> tuple[AttemptScheduled, AttemptStarted, AttemptFailed]:
    return scheduled(attempt), started(attempt), replace(failed(attempt), reason="executor_stopped")


def test_an_attempt_whose_executor_was_stopped_is_tried_again_at_once_and_does_not_count() -> None:
    job = job_after(*stopped(1))
    assert decide([job], ALIVE, RULES, NOW) == [RetryScheduled(job_id="j1", attempt=2, not_before=NOW)]
    again = job_after(*one_failed_attempt(1), *stopped(2), *one_failed_attempt(3))
    soon = RetryScheduled(job_id="j1", attempt=4, not_before=NOW + timedelta(seconds=120))
    assert decide([again], ALIVE, RULES, NOW) == [soon]
    (ended,) = decide([job_after(*one_failed_attempt(1), *stopped(2), *failed_twice(3))], ALIVE, RULES, NOW)
    assert ended.message == "All 3 attempts failed. The last: It broke."


def failed_twice(first: int) -> list[Event]:
    return [event for attempt in (first, first + 1) for event in one_failed_attempt(attempt)]


def test_what_is_stopped_again_and_again_comes_to_an_end() -> None:
    times = [event for attempt in range(1, 13) for event in stopped(attempt)]
    assert isinstance(decide([job_after(*times)], ALIVE, RULES, NOW)[0], RetryScheduled)
    (ended,) = decide([job_after(*times, *stopped(13))], ALIVE, RULES, NOW)
    assert (ended.reason, ended.message[:8]) == ("executor_stopped", "All 3 at")


def beats(*told: Heartbeat, at: datetime = NOW) -> Sightings:
    names = {beat.executor for beat in told}
    return Sightings(since=START, last=dict.fromkeys(names, at), beats={beat.executor: beat for beat in told})


@pytest.mark.parametrize(
    ("sightings", "starts"),
    [
        (ALIVE, 5),  # nobody says how many slots there are: the cap alone counts
        (beats(Heartbeat(executor="a", slots=2, running=0), Heartbeat(executor="b", slots=1, running=0)), 3),
        (beats(Heartbeat(executor="a", slots=20, running=0)), 5),
        (beats(Heartbeat(executor="a", slots=4, running=1, draining=True)), 1),
        (beats(Heartbeat(executor="a", slots=2, running=0), at=NOW - timedelta(seconds=16)), 5),
        (Sightings(since=START, last={"a": NOW, "old": NOW}, beats={"a": None, "old": None}), 5),
    ],
)
def test_no_more_attempts_have_places_than_executors_have_slots(sightings: Sightings, starts: int) -> None:
    queued = [job_after(job_id=f"q{number}") for number in range(9)]
    assert len(decide(queued, sightings, Rules(running_max=5), NOW)) == starts


def test_what_waits_for_a_slot_is_put_in_order_as_late_as_can_be() -> None:
    one = beats(Heartbeat(executor="host", slots=1, running=1))
    running = job_after(scheduled(job_id="r"), started(job_id="r"), job_id="r")
    low = replace(job_after(job_id="low"), priority="low")
    assert decide([running, low], one, RULES, NOW) == []
    high = replace(job_after(job_id="high"), priority="high")
    assert decide([low, high], one, RULES, NOW) == [scheduled(job_id="high")]


def test_the_number_of_retries_is_the_number_of_delays() -> None:
    job = job_after(*one_failed_attempt(1))
    [decision] = decide([job], ALIVE, Rules(retry_delays_s=()), NOW)
    assert isinstance(decision, JobFailed)


def test_a_key_counts_before_the_name_that_a_request_gives() -> None:
    def of(name: str, owner: str | None, submitter: str | None) -> Job:
        return replace(job_after(job_id=name), owner=owner, submitter=submitter)

    jobs = [of("a", "k", "ann"), of("b", "k", "bob"), of("c", "l", "ann"), of("d", None, "k")]
    chosen = decide(jobs, ALIVE, Rules(submitter_running_max=1), NOW)
    assert [one.job_id for one in chosen] == ["a", "c", "d"]


def test_a_submitter_with_all_that_it_may_have_is_passed_by() -> None:
    def of(submitter: str | None, name: str) -> Job:
        return replace(job_after(job_id=name), submitter=submitter)

    running = replace(job_after(scheduled(job_id="r"), started(job_id="r"), job_id="r"), submitter="ann")
    jobs = [running, of("ann", "a1"), of("ann", "a2"), of("bob", "b"), of(None, "n1"), of(None, "n2")]
    assert decide(jobs, ALIVE, Rules(submitter_running_max=2), NOW) == [
        scheduled(job_id=name) for name in ("a1", "b", "n1", "n2")
    ]
    assert decide(jobs, ALIVE, Rules(submitter_running_max=1), NOW) == [
        scheduled(job_id=name) for name in ("b", "n1", "n2")
    ]
    assert decide(jobs, ALIVE, Rules(), NOW) == [
        scheduled(job_id=name) for name in ("a1", "a2", "b", "n1", "n2")
    ]


def test_however_many_wait_only_those_are_looked_at_that_get_a_place() -> None:
    jobs = LiveJobs()
    for record in recorded([requested(f"j{n}") for n in range(1000)]):
        jobs.observe(record)
    looked_at: list[str] = []

    class Watched(LiveJobs):
        def waiting(self, priority: Priority) -> Iterator[Job]:
            for job in super().waiting(priority):
                looked_at.append(job.job_id)
                yield job

    chosen = rules.decide(Watched(jobs.state), ALIVE, RULES, NOW, chance=lambda: 0.5)
    assert [decision.job_id for decision in chosen] == [f"j{n}" for n in range(10)]
    assert len(looked_at) <= len(chosen) + 1
