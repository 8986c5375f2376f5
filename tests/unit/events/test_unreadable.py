"""A message that no event can be made of: it has its place in every fold, and is told on as what it is."""

from __future__ import annotations

from msgspec.structs import replace

from cli.lines import event_line
from events.catalogue import AttemptScheduled
from events.job import fold
from events.live import LiveJobs
from events.recorded import Recorded, Unreadable
from events.stored import read
from podium.frames import recorded as told
from podium.sse import Parser
from services.gateway.sse import CUT_OFF, frame
from tests.history import START, recorded, requested

EXPLODED = Unreadable(job_id="j1", event_type="JobExploded", reason="no such type")


def test_it_moves_its_job_and_changes_nothing_else() -> None:
    before, after = (fold(recorded(events)) for events in ([requested()], [requested(), EXPLODED]))
    assert after.sequence == 2
    assert replace(after, sequence=1) == before


def test_it_is_nothing_of_a_job_that_is_not_there() -> None:
    assert fold(recorded([EXPLODED])) is None


def test_whoever_has_seen_it_has_seen_the_whole_log() -> None:
    live = LiveJobs()
    for record in recorded([AttemptScheduled(job_id="j1", attempt=1), EXPLODED]):
        live.observe(record)
    assert live.sequence == 2


def test_subjects_of_another_form_name_no_job() -> None:
    """The broker does not count them for a job, so nobody else may."""
    named = {}
    for subject in ("jobs.a.B", "jobs.a.b.c", "jobs.a"):
        event = read(subject, b"", {}, sequence=1, stored_at=START).event
        named[subject] = (event.job_id, event.event_type)
    assert named == {"jobs.a.B": ("a", "B"), "jobs.a.b.c": ("a", "b.c"), "jobs.a": ("", "")}


def through_the_gateway(stream: bytes) -> list[Recorded | None]:
    return [told(frame) for frame in Parser().feed(stream)]


def test_a_client_is_told_of_it_and_can_go_on_from_it() -> None:
    (record,) = recorded([EXPLODED], first=7)
    assert through_the_gateway(frame(record) + CUT_OFF) == [
        replace(record, event_id="", source="gateway"),
        None,
    ]
    assert event_line(record, created_at=START) == "   0:07  JobExploded that cannot be read: no such type"


def test_a_client_that_is_older_than_the_gateway_says_what_it_cannot_read() -> None:
    stream = frame(recorded([requested()], first=7)[0]).replace(b"JobRequested", b"JobPraised")
    (record,) = through_the_gateway(stream)
    assert (record.sequence, record.event.job_id, record.event_type) == (7, "j1", "JobPraised")
