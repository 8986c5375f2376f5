"""From a stored message to a record: an event where one can be read, and otherwise why not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from events import catalogue, subjects
from events.catalogue import UnreadableEventError
from events.recorded import Recorded, Unreadable
from events.upcasting import UPCASTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from events.catalogue import Event
    from events.upcasting import Upcasters


def read(
    subject: str,
    payload: bytes,
    headers: Mapping[str, str],
    *,
    sequence: int,
    stored_at: datetime,
    upcasters: Upcasters = UPCASTERS,
) -> Recorded:
    """The record of a message; its event is `Unreadable` where payload, headers or subject are not ours.

    An event on the subject of another job or type is not ours either: the broker would count it there.
    """
    try:
        event = _event(subject, payload, upcasters)
        return Recorded(
            sequence=sequence,
            event_id=headers["ce-id"],
            source=headers["ce-source"],
            time=_in_utc(headers["ce-time"]),
            event=event,
        )
    except UnreadableEventError as error:
        reason = str(error)
    except (KeyError, ValueError, OverflowError) as error:
        reason = f"header {error}"
    job_id, event_type = subjects.job_and_type(subject)
    event_or_not = Unreadable(job_id=job_id, event_type=event_type, reason=reason)
    return Recorded(sequence=sequence, event_id="", source="", time=stored_at, event=event_or_not)


def _event(subject: str, payload: bytes, upcasters: Upcasters) -> Event:
    event = catalogue.decode(payload, upcasters=upcasters)
    if subjects.of_event(event) != subject:
        raise UnreadableEventError(f"a {type(event).__name__} of job {event.job_id} on {subject}")
    return event


def _in_utc(written: str) -> datetime:
    """The time in an ISO 8601 text.

    Raises:
        ValueError: it is not one, or names no offset from UTC, so that it could mean any time.
        OverflowError: it lies outside of the years that a datetime can hold.
    """
    at = datetime.fromisoformat(written)
    if at.tzinfo is None:
        raise ValueError(f"no UTC offset in {written!r}")
    return at.astimezone(UTC)
