"""Lines of a log: told ones read back as the records they were, stored ones as the very bytes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalogue import encode
from events.lines import NotALineError, read_record, read_stored, stored_line, told_line
from events.recorded import Unreadable
from events.subjects import of_event
from tests.history import recorded, requested
from tests.unit.events.strategies import histories

AT = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


@given(histories())
def test_told_events_read_back_as_they_were(history) -> None:
    lines = [told_line(record) for record in history]
    assert all(line.count(b"\n") == 1 for line in lines)
    assert [read_record(line) for line in lines] == history


@given(st.binary(), st.dictionaries(st.text(), st.text()))
def test_stored_messages_keep_every_byte(payload: bytes, headers: dict[str, str]) -> None:
    line = stored_line(sequence=7, stored_at=AT, subject="jobs.a.X", headers=headers, payload=payload)
    assert line.count(b"\n") == 1
    message = read_stored(line)
    assert (message.payload_bytes, message.headers) == (payload, headers)
    assert list(message.headers) == list(headers)
    assert (message.sequence, message.stored_at, message.subject) == (7, AT, "jobs.a.X")


def test_a_stored_event_reads_as_the_record_that_the_log_gives() -> None:
    (record,) = recorded([requested()], first=7)
    headers = {"ce-id": record.event_id, "ce-source": record.source, "ce-time": record.time.isoformat()}
    line = stored_line(
        sequence=7,
        stored_at=AT,
        subject=of_event(record.event),
        headers=headers,
        payload=encode(record.event),
    )
    assert read_record(line) == record


def test_what_is_no_event_is_told_as_unreadable_with_its_place() -> None:
    stored = stored_line(sequence=3, stored_at=AT, subject="jobs.j1.Strange", headers={}, payload=b"\xff")
    told = b'{"sequence":3,"id":"e","time":"2026-01-01T12:00:00Z","source":"s","type":"New","data":%s}'
    for line in (stored, told % b'{"type":"New","job_id":"j1","version":1}'):
        record = read_record(line)
        assert isinstance(record.event, Unreadable)
        assert (record.sequence, record.event.job_id) == (3, "j1")
        assert read_record(told_line(record)).event == record.event


@pytest.mark.parametrize("line", [b"", b"nonsense", b"{}", b"[1]", b'{"sequence": 1}', b"\xff"])
def test_anything_else_is_no_line(line: bytes) -> None:
    with pytest.raises(NotALineError):
        read_record(line)
