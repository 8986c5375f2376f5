"""What events do to the series, told as the log would tell them: one a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from events import catalogue as ev
from events.recorded import Unreadable
from services.gateway.event_metrics import EventMetrics
from tests.history import recorded, requested
from tests.unit.gateway.histories import JOB, started, succeeded

if TYPE_CHECKING:
    from events.recorded import Recorded


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def tell(registry: CollectorRegistry, records: list[Recorded]) -> None:
    metrics = EventMetrics(registry)
    for record in records:
        metrics.observe(record)


def durations(registry: CollectorRegistry, name: str, **labels: str) -> tuple[float | None, float | None]:
    """How many, and their sum in seconds."""
    return (
        registry.get_sample_value(f"{name}_count", labels),
        registry.get_sample_value(f"{name}_sum", labels),
    )


def test_a_job_with_a_retry(registry: CollectorRegistry) -> None:
    tell(registry, recorded([requested(JOB), *succeeded()]))
    values = {
        name: registry.get_sample_value(name)
        for name in ("podium_jobs_requested_total", "podium_retries_total", "podium_attempts_lost_total")
    }
    assert values == {
        "podium_jobs_requested_total": 1,
        "podium_retries_total": 1,
        "podium_attempts_lost_total": 0,
    }
    assert registry.get_sample_value("podium_llm_dollars_total") == 0.5
    assert registry.get_sample_value("podium_attempts_started_total", {"runtime": "docker"}) == 2
    assert registry.get_sample_value("podium_jobs_ended_total", {"status": "success"}) == 1
    assert durations(registry, "podium_attempt_duration_seconds", outcome="failed") == (1, 3)
    assert durations(registry, "podium_attempt_duration_seconds", outcome="succeeded") == (1, 4)


def test_a_stage_counts_from_its_start_to_its_good_end(registry: CollectorRegistry) -> None:
    begun = started(1)
    ended = ev.StageCompleted(job_id=JOB, attempt=1, stage="analysis", summary="")
    again = ev.StageCompleted(job_id=JOB, attempt=1, stage="analysis", summary="")
    other = ev.StageCompleted(job_id=JOB, attempt=1, stage="planning", summary="")
    tell(registry, recorded([*begun, ended, again, other]))
    assert durations(registry, "podium_stage_duration_seconds", stage="analysis") == (1, 2)
    assert durations(registry, "podium_stage_duration_seconds", stage="planning") == (None, None)


def test_the_late_words_of_a_lost_attempt_do_not_count(registry: CollectorRegistry) -> None:
    lost = ev.AttemptLost(job_id=JOB, attempt=1, executor="x", silent_s=20)
    late = ev.AttemptFailed(job_id=JOB, attempt=1, reason="r", message="", retryable=True)
    stage = ev.StageCompleted(job_id=JOB, attempt=1, stage="analysis", summary="")
    tell(registry, recorded([*started(1), lost, late, *started(2), late, stage]))
    assert registry.get_sample_value("podium_attempts_lost_total") == 1
    assert durations(registry, "podium_attempt_duration_seconds", outcome="lost") == (1, 3)
    assert durations(registry, "podium_attempt_duration_seconds", outcome="failed") == (None, None)
    assert durations(registry, "podium_stage_duration_seconds", stage="analysis") == (None, None)


def test_what_was_not_seen_to_begin_and_what_cannot_be_read_has_no_duration(
    registry: CollectorRegistry,
) -> None:
    (odd,) = recorded([Unreadable(job_id=JOB, event_type="Odd", reason="new")], first=9)  # type: ignore[list-item]
    end = ev.AttemptFailed(job_id=JOB, attempt=1, reason="r", message="", retryable=True)
    tell(registry, [*recorded([end]), odd])
    assert durations(registry, "podium_attempt_duration_seconds", outcome="failed") == (None, None)
