"""The events as other systems may rely on them: a JSON Schema of each, and an AsyncAPI document of all.

Made from the catalogue by `python -m events.document`, and served by the gateway.  Sources: AsyncAPI 3.0.0
(https://www.asyncapi.com/docs/reference/specification/v3.0.0), JSON Schema 2020-12, CloudEvents 1.0 with its
NATS binding in binary mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from events import subjects
from events.catalogue import EVENT_TYPES, VERSIONS, schema_id
from events.descriptions import described

if TYPE_CHECKING:
    from events.catalogue import Event

Document: TypeAlias = dict[str, Any]
"""A JSON object."""

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

_TEXT: Final[Document] = {"type": "string", "minLength": 1}

_DESCRIPTION: Final = (
    "Podium takes the URL of a Kaggle competition and gives back a scored submission.csv. What happens to a "
    "job is stored, one message an event, in the JetStream stream `JOBS`, and is never changed: read the "
    "stream from its first sequence, or go on after the last one that you have seen. In the place of a job "
    "that is long over there may be one event, `JobArchived`, with all that its events came to. This "
    "document says what Podium sends; other systems only read."
)


def event_schema(kind: type[Event]) -> Document:
    """The JSON Schema of an event's payload, complete in itself.

    It holds for the type's present version; unknown fields are allowed, since a reader has to ignore them.
    """
    _, found = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    own = _as_promised(kind, found.pop(kind.__name__))
    shared = {name: _tidy(of) for name, of in found.items()}
    return {"$schema": _DRAFT, "$id": schema_id(kind), **own, **({"$defs": shared} if shared else {})}


def headers_schema() -> Document:
    """The JSON Schema of a message's headers."""
    properties: Document = {
        "ce-specversion": {"const": "1.0"},
        "ce-id": {**_TEXT, "description": "The event's own id; `Nats-Msg-Id` is the same."},
        "ce-type": {**_TEXT, "pattern": r"^podium\.[A-Za-z]+$", "description": "The payload's type."},
        "ce-source": {**_TEXT, "description": "The process that wrote it, such as `podium/scheduler`."},
        "ce-subject": {**_TEXT, "description": "The job's id."},
        "ce-time": {"type": "string", "format": "date-time", "description": "The writer's time."},
        "ce-dataschema": {**_TEXT, "description": "The `$id` of the payload's schema."},
        "content-type": {"const": "application/json"},
        "traceparent": {
            "type": "string",
            "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
            "description": "The job's trace, where traces are switched on (W3C Trace Context).",
        },
    }
    optional = {"ce-dataschema", "traceparent"}
    required = [name for name in properties if name not in optional]
    return {"title": "Headers", "type": "object", "properties": properties, "required": required}


def asyncapi() -> Document:
    """The AsyncAPI document: a channel, a message and an operation for each type of event."""
    _, schemas = msgspec.json.schema_components(EVENT_TYPES, ref_template="#/components/schemas/{name}")
    names = [kind.__name__ for kind in EVENT_TYPES]
    own = {kind.__name__: _as_promised(kind, schemas[kind.__name__]) for kind in EVENT_TYPES}
    shared = {name: _tidy(of) for name, of in schemas.items() if name not in own}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Podium's events",
            "version": "1",
            "description": _DESCRIPTION,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "nats": {
                "host": "{host}:{port}",
                "protocol": "nats",
                "description": "The NATS of this Podium; `podium up` prints its address.",
                "variables": {"host": {"default": "localhost"}, "port": {"default": "4222"}},
            }
        },
        "channels": {kind.__name__: _channel(kind) for kind in EVENT_TYPES},
        "operations": {f"send{name}": _operation(name) for name in names},
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in EVENT_TYPES},
            "schemas": {"Headers": headers_schema(), **own, **shared},
            "parameters": {"job_id": {"description": "The id of the job: a UUID."}},
        },
    }


def _channel(kind: type[Event]) -> Document:
    name = kind.__name__
    return {
        "address": subjects.of_type(kind).replace("*", "{job_id}"),
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "parameters": {"job_id": {"$ref": "#/components/parameters/job_id"}},
    }


def _operation(name: str) -> Document:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
    }


def _message(kind: type[Event]) -> Document:
    name = kind.__name__
    when, writer = described(kind)
    return {
        "name": name,
        "title": name,
        "summary": when,
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "tags": [{"name": writer, "description": f"written by the {writer}"}],
    }


def _as_promised(kind: type[Event], found: Document) -> Document:
    """The schema with the event's description in one line, and with the one version that it holds for."""
    when, writer = described(kind)
    version = {"type": "integer", "const": VERSIONS[kind.__name__], "default": VERSIONS[kind.__name__]}
    properties = {**found["properties"], "version": version}
    return {**found, "description": f"{when} Written by the {writer}.", "properties": properties}


def _tidy(found: Document) -> Document:
    return {**found, "description": " ".join(found["description"].split())}
