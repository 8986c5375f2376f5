"""What an event changed, in words."""

from __future__ import annotations

from cli.changes import change_words, changes, fact_lines, facts
from events.job import evolve, fold
from tests.unit.cli.history import HISTORY


def words() -> list[str]:
    job, told = None, []
    for record in HISTORY:
        before, job = job, evolve(job, record)
        told.append(change_words(changes(before, job), at=record.time))
    return told


def test_each_event_of_a_job_in_words() -> None:
    told = words()
    assert "status queued" in told[0]
    assert told[1] == "attempt 1 status scheduled"
    assert told[2].startswith("status queued → running, attempt 1 status scheduled → running")
    assert told[3] == (
        "attempt 1 status running → failed, attempt 1 disk_bytes_peak 2500000,"
        " attempt 1 failure reason out_of_memory, attempt 1 failure message Too big.,"
        " attempt 1 failure retryable true"
    )
    assert told[4] == "status running → retrying, not_before 2026-01-01T00:01:03Z"
    assert (
        told[5]
        == "status retrying → queued, attempt 2 status scheduled, not_before 2026-01-01T00:01:03Z → none"
    )
    assert told[7] == "attempt 2 stage analysis started_at"
    assert told[10] == "attempt 2 stage training fraction 0.5, attempt 2 stage training message Fold [3] of 5"
    assert "attempt 2 model lightgbm score 0.41" in told[11]
    assert "attempt 2 result artifact submission.csv bytes 3" in told[12]
    assert told[13] == "status running → success"


def test_an_event_that_does_not_count_changes_nothing() -> None:
    job = fold(HISTORY)
    assert changes(job, evolve(job, HISTORY[3])) == ()


def test_changes_lead_from_one_state_to_the_next() -> None:
    job = None
    for record in HISTORY:
        before, job = job, evolve(job, record)
        known = facts(before)
        for name, old, new in changes(before, job):
            assert known.get(name) == old
            known[name] = new
        assert {name: value for name, value in known.items() if value is not None} == facts(job)


def test_a_state_is_a_line_for_each_fact() -> None:
    lines = fact_lines(fold(HISTORY))
    assert len(lines) == len(facts(fold(HISTORY)))
    assert [line.split() for line in lines if line.startswith("status")] == [["status", "success"]]
