"""The model behind `podium capacity`, beside the scheduler's real rules and beside recorded jobs."""

from __future__ import annotations

import heapq
import json
import random
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from cli.capacity.figures import FIGURES, estimated
from cli.capacity.plan import WAITING_SHARE_MAX, Site, job_dollars, places_for, plan, waiting_share
from cli.capacity.recorded import known_of
from events import catalogue as ev
from events.live import LiveJobs
from events.recorded import Recorded
from services.scheduler.rules import Rules, Sightings, decide
from tests.history import START, requested
from tests.unit.cli.command import podium
from tests.unit.cli.history import HISTORY

SITE = Site(
    cpus=4,
    memory_bytes=8e9,
    slots=4,
    replicas=1,
    cpu_hour_dollars=0.05,
    gb_month_dollars=0.1,
    service_cpus=2,
    appends_per_s_max=1000,
    projected_per_s_max=1000,
)
COST = estimated(budget_s=1800, model_dollars=0.5)


class Hour:
    """Jobs that come by chance and run for as long as chance has it, on places that the real rules give."""

    def __init__(self, places: int, seed: int) -> None:
        self._rules = Rules(running_max=places)
        self._dice = random.Random(seed)
        self._jobs = LiveJobs()
        self._agenda: list[tuple[float, str]] = []
        self._came: dict[str, float] = {}
        self.waited = 0

    def run(self, *, offered: float, jobs: int) -> float:
        """The share of the jobs that had to wait, where `offered` places would be busy on average."""
        at = 0.0
        for n in range(jobs):
            at += self._dice.expovariate(offered)
            heapq.heappush(self._agenda, (at, f"j{n}"))
        while self._agenda:
            at, job_id = heapq.heappop(self._agenda)
            if job_id in self._came:
                self._tell(
                    ev.AttemptFailed(job_id=job_id, attempt=1, reason="r", message="", retryable=False)
                )
            else:
                self._came[job_id] = at
                self._tell(requested(job_id))
            self._decide(at)
        return self.waited / jobs

    def _decide(self, at: float) -> None:
        sightings = Sightings(since=START, last={})
        while decided := decide(self._jobs, sightings, self._rules, START, chance=lambda: 1.0):
            for event in decided:
                self._tell(event)
                if isinstance(event, ev.AttemptScheduled):
                    self._tell(
                        ev.AttemptStarted(
                            job_id=event.job_id, attempt=1, executor="x", runtime="r", cpus=1, memory_bytes=1
                        )
                    )
                    self.waited += at > self._came[event.job_id]
                    heapq.heappush(self._agenda, (at + self._dice.expovariate(1), event.job_id))

    def _tell(self, event: ev.Event) -> None:
        number = self._jobs.sequence + 1
        self._jobs.observe(Recorded(sequence=number, event_id="", source="", time=START, event=event))


@pytest.mark.parametrize(("offered", "places"), [(0.5, 1), (6.0, 8), (6.0, 11)])
def test_as_many_wait_for_the_scheduler_as_the_model_says(offered: float, places: int) -> None:
    share = Hour(places, seed=1).run(offered=offered, jobs=3000)
    assert share == pytest.approx(waiting_share(offered, places), abs=0.04)


@pytest.mark.parametrize("offered", [0.001, 0.5, 6.0, 2300.0])
def test_no_place_too_many_and_none_too_few(offered: float) -> None:
    places = places_for(offered)
    assert waiting_share(offered, places) <= WAITING_SHARE_MAX
    assert places - 1 <= offered or waiting_share(offered, places - 1) > WAITING_SHARE_MAX


def test_storage_and_calls_grow_with_the_jobs_and_machines_by_whole_ones() -> None:
    one, ten = (plan(COST, SITE, jobs_per_day=n, peak_ratio=3) for n in (100, 1000))
    for name in ("nats_bytes_per_year", "postgres_bytes_per_day", "model_dollars_per_month", "places_mean"):
        assert getattr(ten, name) == pytest.approx(10 * getattr(one, name))
    assert one.places < ten.places < 10 * one.places
    assert (one.executors - 1) * SITE.slots < one.places <= one.executors * SITE.slots
    assert one.dollars_per_job > job_dollars(COST, SITE).total > ten.model_dollars_per_month / 1000 / 31


def test_a_machine_that_stands_idle_costs_all_the_same() -> None:
    needed = plan(replace(COST, model_dollars=0), SITE, jobs_per_day=0.01, peak_ratio=1)
    assert (needed.places, needed.executors) == (1, 1)
    assert needed.compute_dollars_per_month == pytest.approx((4 * 4 + 2) * 730 * 0.05)


def test_what_jobs_took_is_told_by_their_events() -> None:
    known = known_of([HISTORY, HISTORY], event_overhead=100, row_bytes=7)
    assert known is not None
    assert (known.jobs, known.cost.attempts, known.cost.events) == (2, 2, len(HISTORY))
    started = {record.event_type: record.time for record in HISTORY}
    assert 0 < known.cost.attempt_s <= (HISTORY[-1].time - HISTORY[0].time).total_seconds() / 2
    assert known.cost.log_bytes == sum(len(ev.encode(record.event)) + 100 for record in HISTORY)
    assert known.cost.artifact_bytes == 3
    assert started["JobSucceeded"] >= started["AttemptSucceeded"]


def test_a_job_that_was_cancelled_as_it_waited_tells_nothing() -> None:
    cancelled = [ev.JobCancelRequested(job_id="j1"), ev.JobCancelled(job_id="j1")]
    log = [
        Recorded(sequence=n, event_id="", source="", time=START + timedelta(seconds=n), event=event)
        for n, event in enumerate([requested(), *cancelled], 1)
    ]
    assert known_of([log], event_overhead=0, row_bytes=0) is None


def test_with_nothing_running_there_is_the_estimate(tmp_path: Path) -> None:
    ended = podium("capacity", "--jobs-per-month", "1000", "--json", home=tmp_path)
    told = json.loads(ended.stdout)
    assert (ended.returncode, set(told)) == (0, {"estimate", "recorded", "figures", "figures_of"})
    assert told["recorded"] is None
    assert told["estimate"]["plan"]["jobs_per_day"] == pytest.approx(1000 * 12 / 365)
    words = podium("capacity", "--jobs-per-day", "5", home=tmp_path).stdout
    assert "PODIUM_MAX_RUNNING=" in words
    assert "No stack runs in" in words


def test_how_many_jobs_has_to_be_said_once(tmp_path: Path) -> None:
    both = ("--jobs-per-month", "3", "--jobs-per-day", "3")
    for words in ((), both):
        ended = podium("capacity", *words, home=tmp_path)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert "hint: podium capacity --jobs-per-month 1000" in ended.stderr


def test_every_figure_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs" / "scale.md").read_text()
    for name, figure in FIGURES.items():
        assert f"| `{name}` | {figure.value:,} | {figure.unit} | {figure.how} |\n" in page
