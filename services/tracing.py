"""Traces of jobs by OpenTelemetry, off unless an endpoint is set; off, its libraries are not even imported.

`services.spans` says which spans there are.  A service tells of what ended with the events that it wrote
itself, once it sees them in the log: an append whose answer was lost counts, one that was refused does not.
Source: OTLP over HTTP, https://opentelemetry.io/docs/specs/otlp/
"""

from __future__ import annotations

import re
from collections import OrderedDict
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from events.catalogue import JobRequested
from events.jetstream import JetStreamLog
from events.live import LiveJobs
from events.recorded import Recorded
from services import spans
from services.running import utc_now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from nats.aio.client import Client

    from events.catalogue import Event
    from events.live import LiveState
    from events.log import Batch, Expectation
    from services.environment import Environment
    from services.otlp import Exporter
    from services.spans import Span

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_SENT_MAX: Final = 10_000
"""So many of our own events may be on their way back to us; there are a handful."""
_OLD: Final = timedelta(minutes=1)
"""What a projector catches up with that is older is history, and was told of when it happened."""
_TRACEPARENT: Final = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")


class _Arrival(msgspec.Struct, frozen=True):
    """When a request came in, and the trace and span of its client, where it names them."""

    at: datetime
    caller: tuple[int, int] | None


_exporter: Exporter | None = None
_arrival: ContextVar[_Arrival | None] = ContextVar("arrival", default=None)


def configure(service: str, environment: Environment) -> None:
    """Switch traces on where the environment names an endpoint; once, at the start of a process."""
    global _exporter  # noqa: PLW0603 - like the log lines, they are the process's
    if any(environment.optional(name) for name in _ENDPOINTS):
        from services.otlp import Exporter  # noqa: PLC0415 - see above

        _exporter = Exporter(service)


def trace_of(job_id: str) -> str | None:
    """The id of a job's trace as a collector shows it; None where traces are off."""
    trace = spans.trace_id(job_id) if _exporter else None
    return None if trace is None else f"{trace:032x}"


def tell(span: Span) -> None:
    """Of what no event of the log tells the end of, by whoever saw it."""
    if _exporter is not None:
        _exporter.send(span)


def arrived(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """A request has come in: what it asks for to be stored began now."""
    if _exporter is None:
        return
    found = next((_TRACEPARENT.fullmatch(value) for name, value in headers if name == b"traceparent"), None)
    caller = (int(found[1], 16), int(found[2], 16)) if found else None
    _arrival.set(_Arrival(utc_now(), caller))


class TracedLog(JetStreamLog):
    """A log whose events name their job's trace, where traces are on; else it is the same at no cost."""

    def __init__(self, connection: Client, *, source: str) -> None:
        super().__init__(connection, source=source)
        self._sent: OrderedDict[str, None] = OrderedDict()
        self._jobs = LiveJobs()
        self._is_followed = False

    def go_on_from(self, known: LiveState) -> None:
        """Let `follow_told` know the jobs before what it is to follow."""
        self._jobs = LiveJobs(known)

    def _headers(self, event: Event, event_id: str, expect: Expectation) -> dict[str, str]:
        headers = super()._headers(event, event_id, expect)
        if _exporter is not None:
            self._sent[event_id] = None
            if len(self._sent) > _SENT_MAX:
                self._sent.popitem(last=False)
            if parent := spans.traceparent(event):
                headers["traceparent"] = parent
        return headers

    async def append(self, event: Event, *, expect: Expectation) -> int:
        """See `events.log.Log.append`."""
        if _exporter is None:
            return await super().append(event, expect=expect)
        arrival = _arrival.get() or _Arrival(utc_now(), None)
        sequence = await super().append(event, expect=expect)
        if isinstance(event, JobRequested):
            span = spans.submitted(event, began=arrival.at, ended=utc_now())
            _exporter.send(span, caller=arrival.caller)
        elif not self._is_followed:
            # The last words of a service that stops: they will not be seen to come back.
            mine = Recorded(sequence=sequence, event_id="", source="", time=utc_now(), event=event)
            self._tell(mine, _exporter, is_own=True)
        return sequence

    async def follow_told(self, *, after: int) -> AsyncIterator[Batch]:
        """`follow` from the beginning, or from where `go_on_from` has it know the jobs.

        Tells of what ended with each event that this process wrote.
        """
        self._is_followed = True
        try:
            async for batch in super().follow(after=after):
                if _exporter is not None:
                    for record in batch.records:
                        self._tell(record, _exporter, is_own=record.event_id in self._sent)
                yield batch
        finally:
            self._is_followed = False

    async def follow_projected(self, *, after: int) -> AsyncIterator[Batch]:
        """`follow`, telling of how long what the reader did with each batch took."""
        async for batch in super().follow(after=after):
            began = utc_now()
            yield batch
            if _exporter is None:
                continue
            ended = utc_now()
            for record in batch.records:
                span = spans.projected(record, began=began, ended=ended)
                if span is not None and record.time > began - _OLD:
                    _exporter.send(span)

    def _tell(self, record: Recorded, exporter: Exporter, *, is_own: bool) -> None:
        before = self._jobs.get(record.event.job_id)
        after = self._jobs.observe(record)
        if is_own and before is not None and after is not None:
            for span in spans.spans_of(before, after, record):
                exporter.send(span)
        self._sent.pop(record.event_id, None)
