"""`podium replay` on a file: a timeline, a state, a film; no stack anywhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from events.catalogue import JobCancelRequested, JobRequested
from events.lines import told_line
from tests.unit.cli.command import podium
from tests.unit.cli.history import HISTORY, JOB

if TYPE_CHECKING:
    from pathlib import Path

OTHER = [
    replace(HISTORY[0], sequence=200, event=JobRequested(
        job_id="other", competition="c", source="local", kaggle_url="local:c"
    )),
    replace(HISTORY[1], sequence=210, event=JobCancelRequested(job_id="other")),
]  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"".join(map(told_line, HISTORY)))
    return file


def test_a_timeline_has_a_line_for_each_event_and_what_it_changed(log: Path) -> None:
    ended = podium("replay", "--file", str(log), home=log.parent)
    first, *lines = ended.stdout.splitlines()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert first == f"2026-01-01 UTC, job {JOB}"
    assert [int(line.split()[0]) for line in lines] == [record.sequence for record in HISTORY]
    assert lines[1].split(maxsplit=4) == [
        "20", "00:00:01.000", "+0:01", "AttemptScheduled", "attempt 1 status scheduled",
    ]  # fmt: skip


def test_json_is_a_line_for_each_event_with_its_data_and_changes(log: Path) -> None:
    ended = podium("replay", "--file", str(log), "--json", home=log.parent)
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(lines) == len(HISTORY)
    assert (lines[2]["sequence"], lines[2]["type"], lines[2]["offset_s"]) == (30, "AttemptStarted", 2)
    assert lines[2]["data"]["runtime"] == "process"
    assert lines[2]["changes"]["status"] == {"from": "queued", "to": "running"}


@pytest.mark.parametrize(
    ("until", "status"),
    [("10", "queued"), ("49", "running"), ("50", "retrying"), ("2026-01-01T00:00:04", "retrying"),
     ("2026-01-01T01:00:03+01:00", "running"), ("999", "success")],
)  # fmt: skip
def test_until_a_moment_it_is_the_job_as_it_stood(log: Path, until: str, status: str) -> None:
    ended = podium("replay", "--file", str(log), "--until", until, "--json", home=log.parent)
    assert json.loads(ended.stdout)["status"] == status
    words = podium("replay", "--file", str(log), "--until", until, home=log.parent).stdout
    assert ["status", status] in [line.split() for line in words.splitlines()]


def test_at_full_speed_it_plays_to_the_end_at_once(log: Path) -> None:
    ended = podium("replay", "--file", str(log), "--speed", "max", home=log.parent)
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1].split(maxsplit=1) == ["0:13", "job succeeded"]


def test_a_file_with_many_jobs_is_asked_for_one(log: Path) -> None:
    log.write_bytes(log.read_bytes() + b"".join(map(told_line, OTHER)))
    ended = podium("replay", "--file", str(log), home=log.parent)
    assert (ended.returncode, "holds 2 jobs" in ended.stderr) == (2, True)
    for job in ("last", "other"):
        lines = podium("replay", job, "--file", str(log), home=log.parent).stdout.splitlines()
        assert lines[0].endswith("job other")
        assert len(lines) == 3


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ((), "Say which job"),
        (("nobody",), "holds no event of nobody"),
        (("--until", "soon"), "'soon' is neither a sequence nor a time"),
        (("--until", "9"), "There was no such job yet at 9"),
        (("--speed", "0"), "'0' is neither a number above 0 nor max"),
        (("--speed", "1", "--json"), "--speed plays"),
    ],
)
def test_a_mistake_is_told(log: Path, words: tuple[str, ...], error: str) -> None:
    file = ("--file", str(log)) if words else ()
    ended = podium("replay", *words, *file, home=log.parent)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert error in ended.stderr


def test_a_line_that_is_no_event_is_named(log: Path) -> None:
    log.write_bytes(log.read_bytes() + b"nonsense\n")
    ended = podium("replay", "--file", str(log), home=log.parent)
    assert ended.returncode == 2
    assert f"Line 15 of {log} is no event" in ended.stderr
