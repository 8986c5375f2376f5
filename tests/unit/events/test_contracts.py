"""What is promised of the events is what they are: each schema takes all that is written, and no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.validators import validator_for

from events.catalogue import EVENT_TYPES, UnreadableEventError, decode, encode
from events.contracts import asyncapi, event_schema, headers_schema
from tests.asyncapi.specification import specification
from tests.unit.events.strategies import events

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGS = Path(__file__).parents[2] / "data" / "logs"
VALIDATORS = {kind.__name__: Draft202012Validator(event_schema(kind)) for kind in EVENT_TYPES}
HEADERS = Draft202012Validator(headers_schema(), format_checker=FormatChecker())


def messages() -> Iterator[tuple[dict[str, str], Any]]:
    """Headers and payload of every stored message."""
    for path in sorted(LOGS.glob("*.ndjson")):
        for line in path.read_text().splitlines():
            message = json.loads(line)
            yield message["headers"], json.loads(message["payload"])


def test_the_schemas_are_schemas() -> None:
    for kind in EVENT_TYPES:
        schema = event_schema(kind)
        assert validator_for(schema) is Draft202012Validator
        Draft202012Validator.check_schema(schema)


def test_stored_events_are_as_promised() -> None:
    seen = set()
    for headers, payload in messages():
        VALIDATORS[payload["type"]].validate(payload)
        HEADERS.validate(headers)
        assert headers["ce-type"] == f"podium.{payload['type']}"
        seen.add(payload["type"])
    assert len(seen) > 10


@given(events())
def test_a_schema_takes_every_event_of_its_type_and_of_no_other(event) -> None:
    payload = json.loads(encode(event))
    fits = {name for name, validator in VALIDATORS.items() if validator.is_valid(payload)}
    assert fits == {type(event).__name__}


@given(events())
def test_a_schema_refuses_what_cannot_be_read(event) -> None:
    """Leave out each field, or put something of another type there: schema and decoder agree on all."""
    payload = json.loads(encode(event))
    validator = VALIDATORS[type(event).__name__]
    for name in payload.keys() - {"type", "version"}:
        without = {key: value for key, value in payload.items() if key != name}
        for changed in (without, payload | {name: {"what": "ever"}}, payload | {name: None}):
            assert validator.is_valid(changed) == _is_read(changed), changed


def _is_read(payload: dict[str, Any]) -> bool:
    try:
        decode(json.dumps(payload).encode())
    except UnreadableEventError:
        return False
    return True


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()
    references = list(_references(document))
    assert len(references) > 3 * len(EVENT_TYPES)
    for reference in references:
        found = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found


def test_the_asyncapi_document_has_each_event_and_is_valid() -> None:
    document = asyncapi()
    assert list(document["channels"]) == [kind.__name__ for kind in EVENT_TYPES]
    assert document["channels"]["JobSucceeded"]["address"] == "jobs.{job_id}.JobSucceeded"
    valid = specification(document["asyncapi"])
    valid.validate(document)
    assert not valid.is_valid(document | {"channels": {"x": {"adress": "jobs"}}})
    assert not valid.is_valid(document | {"operations": {"x": {"action": "sent"}}})


def _references(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        if "$ref" in document:
            yield document["$ref"]
        for value in document.values():
            yield from _references(value)
    elif isinstance(document, list):
        for value in document:
            yield from _references(value)
