"""Any events at all, for hypothesis: right in shape, in an order that no writer of ours would write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import strategies as st

from events.catalogue import EVENT_TYPES, Artifact, Event, JobArchived, JobRequested
from events.job import Job, fold
from events.recorded import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

JOB_ID = "018f3c5e-0000-7000-8000-000000000001"
START = datetime(2026, 1, 1, tzinfo=UTC)

_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "job_id": st.just(JOB_ID),
    "version": st.just(1),
    "attempt": st.integers(0, 4),
    "dollars": st.floats(0, 1e6),
    "not_before": st.datetimes(timezones=st.just(UTC)),
}
_BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    float: st.floats(allow_nan=False, allow_infinity=False),
    int: st.integers(-(2**53), 2**53),
    str: st.text(max_size=20),
}
_BY_TYPE |= {kind | None: st.none() | values for kind, values in _BY_TYPE.items()}


def _values(name: str, kind: Any) -> st.SearchStrategy[Any]:
    if name in _BY_NAME:
        return _BY_NAME[name]
    if kind == tuple[Artifact, ...]:
        return st.lists(_instances(Artifact), max_size=3).map(tuple)
    if kind is Job:
        return histories(archived=False, longest=4).map(fold)
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    if kind == tuple[float, ...]:
        return st.lists(_BY_TYPE[float], max_size=5).map(tuple)
    return st.from_type(kind)


def _instances(of: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    return st.builds(
        of, **{field.name: _values(field.name, field.type) for field in msgspec.structs.fields(of)}
    )


def events(*, archived: bool = True) -> st.SearchStrategy[Event]:
    """An event of any type, or of any but the one that holds a whole job."""
    return st.one_of([_instances(kind) for kind in EVENT_TYPES if archived or kind is not JobArchived])


def told(history: Sequence[Event]) -> list[Recorded]:
    """The events as records of a log, one a second."""
    return [
        Recorded(
            sequence=sequence,
            event_id=f"e{sequence}",
            source="test",
            time=START + timedelta(seconds=sequence),
            event=event,
        )
        for sequence, event in enumerate(history, start=1)
    ]


def histories(*, archived: bool = True, longest: int = 40) -> st.SearchStrategy[list[Recorded]]:
    """A request and whatever comes then."""
    request = _instances(JobRequested)
    rest = st.lists(events(archived=archived), max_size=longest)
    return st.tuples(request, rest).map(lambda parts: told([parts[0], *parts[1]]))


def without_nul(job: Job) -> Job:
    """The job with U+FFFD for each NUL in its texts."""
    return msgspec.convert(_without_nul(msgspec.to_builtins(job)), Job)


def _without_nul(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\x00", "\ufffd")
        case dict():
            return {name: _without_nul(part) for name, part in value.items()}
        case list() | tuple():
            return [_without_nul(part) for part in value]
        case _:
            return value
