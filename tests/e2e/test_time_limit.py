"""An attempt that takes longer than it may is ended with all its processes, and is not tried again."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tests.e2e.scripted import SLUG, is_alive, marks_of, scripted

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_S = 1.5

BODY = """
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
(marks / "agent").write_text(str(os.getpid()))
(marks / "child").write_text(str(child.pid))
say("stage_started", stage="training")
time.sleep(600)
"""


def test_an_attempt_is_ended_at_its_limit(tmp_path: Path, database_url: str) -> None:
    with scripted(tmp_path, database_url, BODY, PODIUM_ATTEMPT_LIMIT_S=str(LIMIT_S)) as stack:
        job = stack.submit(SLUG)
        view = stack.wait_ended(job, timeout_s=30)
        assert not is_alive(marks_of(tmp_path) / "agent")
        assert not is_alive(marks_of(tmp_path) / "child")
        assert not list(tmp_path.glob(f"work-*/attempts/{job}"))
    assert (view["status"], view["error"]["reason"]) == ("failed", "time_limit")
    [attempt] = view["attempts"]
    began, ended = (datetime.fromisoformat(attempt[name]) for name in ("started_at", "ended_at"))
    assert LIMIT_S <= (ended - began).total_seconds() < LIMIT_S + 8
