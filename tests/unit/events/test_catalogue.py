"""Events as JSON: there and back, from newer writers, and what is no event."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given

from events import subjects
from events.catalogue import (
    EVENT_TYPES,
    JobCancelRequested,
    JobRequested,
    UnreadableEventError,
    decode,
    encode,
)
from events.progress import STAGES, Spoken, StageStarted, decode_line, encode_line
from tests.unit.events.strategies import events


@given(events())
def test_an_event_reads_back_as_it_was(event) -> None:
    assert decode(encode(event)) == event


@given(events())
def test_fields_of_a_newer_writer_are_ignored(event) -> None:
    payload = msgspec.json.decode(encode(event)) | {"new_field": {"deep": [1, None]}}
    assert decode(msgspec.json.encode(payload)) == event


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"type":"JobExploded","job_id":"j"}',
        b'{"type":"JobCancelRequested"}',
        b'{"type":"JobCancelRequested","job_id":7}',
        b'{"type":"JobCancelRequested","job_id":"\\ud800"}',
        b'{"type":"RetryScheduled","job_id":"j","attempt":2,"not_before":"2026-01-01T00:00:00"}',
        b'{"type":"JobCancelRequested","job_id":"j","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda payload: payload[:60].decode("ascii", "replace"),
)
def test_what_is_no_event_says_so(payload: bytes) -> None:
    with pytest.raises(UnreadableEventError):
        decode(payload)


def test_the_tag_is_the_name_and_the_subject_ends_with_it() -> None:
    for kind in EVENT_TYPES:
        assert kind.__struct_config__.tag == kind.__name__
    request = JobRequested(job_id="j", competition="c", source="kaggle", kaggle_url="u")
    assert subjects.of_event(request) == "jobs.j.JobRequested"
    assert subjects.of_type(JobCancelRequested) == "jobs.*.JobCancelRequested"


def test_an_agents_line_is_a_message_or_a_line_of_its_log() -> None:
    for stage in STAGES:
        said = StageStarted(stage=stage)
        line = encode_line(said, nonce="n", number=3)
        assert decode_line(line, nonce="n") == Spoken(nonce="n", number=3, message=said)
    lunch = b'{"nonce":"n","number":1,"message":{"type":"stage_started","stage":"lunch"}}'
    assert decode_line(lunch.replace(b"lunch", b"training"), nonce="n") is not None
    for other in (
        b"Epoch 1\n",
        b'{"loss": 0.5}\n',
        lunch,
        b"",
        b'{"a":' * 10_000,
        line[:-1].ljust(65 * 1024),
    ):
        assert decode_line(other, nonce="n") is None


def test_nobody_speaks_for_the_agent_without_its_nonce() -> None:
    said = StageStarted(stage="training")
    assert decode_line(encode_line(said, nonce="n", number=1), nonce="N") is None
    assert decode_line(encode_line(said, nonce="", number=1), nonce="N") is None
    assert (
        decode_line(b'{"number":1,"message":{"type":"stage_started","stage":"training"}}', nonce="N") is None
    )
