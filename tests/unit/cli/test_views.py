from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console

from cli.lines import event_line, result_lines
from cli.views import live_view, result_card
from events.job import fold
from services.gateway.view import view_of
from tests.unit.cli.history import BEGAN_AT, HISTORY, JOB

if TYPE_CHECKING:
    from rich.console import RenderableType

    from events.job import Job


def drawn(drawing: RenderableType) -> list[str]:
    console = Console(file=io.StringIO(), width=100)
    console.print(drawing)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def job_after(events: int) -> Job:
    job = fold(HISTORY[:events])
    assert job is not None
    return job


def live(events: int, *, after_s: int) -> list[str]:
    return drawn(live_view(job_after(events), now=BEGAN_AT + timedelta(seconds=after_s)))


def test_a_job_in_the_queue_has_four_empty_stages():
    lines = live(1, after_s=75)
    assert lines[0] == f"bikes  queued  1:15  {JOB}"
    assert [line.split()[1] for line in lines[1:]] == ["analysis", "planning", "codegen", "training"]
    assert all(" 0%" in line for line in lines[1:])


def test_stages_and_scores_show_as_they_come():
    lines = live(12, after_s=20)
    assert lines[0].startswith("bikes  running  0:20  attempt 2")
    assert "✓ analysis" in lines[1]
    assert "100% Regression, rmsle." in lines[1]
    assert "▸ training" in lines[4]
    assert "50% Fold [3] of 5" in lines[4]
    assert lines[5].split() == ["lightgbm", "rmsle", "0.41", "(folds", "0.4", "to", "0.42)"]


def test_what_is_not_as_asked_for_and_when_the_next_attempt_comes_are_said():
    lines = live(5, after_s=13)
    assert "  Too big. Another attempt in 0:50." in lines
    assert "  ! no container" in lines


def test_the_card_has_score_and_files_or_the_reason():
    card = "\n".join(drawn(result_card(view_of(job_after(14)), gateway_url="http://g")))
    assert "bikes: success" in card
    assert "rmsle 0.4 (folds 0.39 to 0.41)" in card
    assert re.search(r"made by +Fold \[3\] of 5", card)
    assert f"http://g/jobs/{JOB}/files/submission.csv" in card
    assert "Too big." in "\n".join(drawn(result_card(view_of(job_after(5)), gateway_url="http://g")))


def test_lines_for_pipes_tell_the_same():
    told = [event_line(record, created_at=BEGAN_AT) for record in HISTORY]
    assert all(told)
    assert told[3] == "   0:03  attempt 1 failed (out_of_memory): Too big."
    assert told[10] == "   0:10  training: 50% Fold [3] of 5"
    lines = result_lines(view_of(job_after(14)), gateway_url="http://g")
    assert "score rmsle 0.4 (folds 0.39 to 0.41)" in lines
    assert "disk 2.5 MB at most" in lines
    assert f"file http://g/jobs/{JOB}/files/submission.csv" in lines
