"""A log as lines of JSON, in two forms: events as they are told, and messages as the broker holds them.

Told is what a person or a program reads; stored is what can be put back, byte for byte, into an empty log.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from events import stored
from events.catalogue import Event, UnreadableEventError, decode
from events.recorded import Recorded, Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An event as told: its place, identity and time, and in `data` its payload."""

    sequence: int
    id: str
    time: datetime
    source: str
    type: str
    data: msgspec.Raw


class Stored(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message as stored; a payload that is not UTF-8 stands in `payload_base64`."""

    sequence: int
    stored_at: datetime
    subject: str
    headers: dict[str, str]
    payload: str | None = None
    payload_base64: bytes | None = None

    @property
    def payload_bytes(self) -> bytes:
        """The payload as it was."""
        return self.payload_base64 or (self.payload or "").encode()


Line: TypeAlias = Told | Stored


class NotALineError(Exception):
    """A line that is of neither form; the message says why."""


_told: msgspec.json.Decoder[Told] = msgspec.json.Decoder(Told)
_stored: msgspec.json.Decoder[Stored] = msgspec.json.Decoder(Stored)


def told_line(record: Recorded) -> bytes:
    """One event as one line, newline included."""
    told = Told(
        sequence=record.sequence,
        id=record.event_id,
        time=record.time,
        source=record.source,
        type=record.event_type,
        data=msgspec.Raw(msgspec.json.encode(record.event)),
    )
    return msgspec.json.encode(told) + b"\n"


def stored_line(
    *, sequence: int, stored_at: datetime, subject: str, headers: Mapping[str, str], payload: bytes
) -> bytes:
    """One message as one line, newline included."""
    try:
        text, other = payload.decode(), None
    except UnicodeDecodeError:
        text, other = None, payload
    line = Stored(
        sequence=sequence,
        stored_at=stored_at,
        subject=subject,
        headers=dict(headers),
        payload=text,
        payload_base64=other,
    )
    return msgspec.json.encode(line) + b"\n"


def read_stored(line: bytes) -> Stored:
    """The message on a line.

    Raises:
        NotALineError: there is none.
    """
    try:
        return _stored.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotALineError(str(error)) from error


def read_record(line: bytes) -> Recorded:
    """The record on a line of either form.

    Raises:
        NotALineError: it is of neither.
    """
    try:
        return _record_of(_told.decode(line))
    except (msgspec.DecodeError, UnicodeDecodeError):
        message = read_stored(line)
    return stored.read(
        message.subject,
        message.payload_bytes,
        message.headers,
        sequence=message.sequence,
        stored_at=message.stored_at,
    )


def _record_of(told: Told) -> Recorded:
    event: Event | Unreadable
    try:
        event = decode(bytes(told.data))
    except UnreadableEventError as error:
        event = _unreadable(told, str(error))
    return Recorded(sequence=told.sequence, event_id=told.id, source=told.source, time=told.time, event=event)


def _unreadable(told: Told, reason: str) -> Unreadable:
    """What the teller could not read either, or what only this version cannot."""
    try:
        return msgspec.json.decode(told.data, type=Unreadable)
    except msgspec.DecodeError:
        known = msgspec.json.decode(told.data, type=dict[str, msgspec.Raw])
        job_id = msgspec.json.decode(known["job_id"], type=str) if "job_id" in known else ""
        return Unreadable(job_id=job_id, event_type=told.type, reason=reason)
