"""Spans on their way to a collector, by OpenTelemetry's own SDK: in batches, from a thread of its own.

Imported only where traces are switched on: the import takes a quarter of a second.  Everything else of
OpenTelemetry's environment variables (headers, sampler, queue) is the SDK's to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from services.spans import span_id, trace_id

if TYPE_CHECKING:
    from datetime import datetime

    from opentelemetry.context import Context

    from services.spans import Span

AGENT: Final = "podium-agent"

_SEND_S: Final = 3.0
"""How long a batch is tried: also at the end of the process, which has to come soon."""

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


class _Given(IdGenerator):
    """The ids of the next span, as they are given: the SDK asks for them while it begins one."""

    def __init__(self) -> None:
        self.trace = self.span = 0

    def generate_trace_id(self) -> int:
        return self.trace

    def generate_span_id(self) -> int:
        return self.span


class Exporter:
    """Sends what `service` tells of, and what it tells of for the agent, under the name of each.

    What could not be sent is logged and let go: a collector that is away delays nothing.
    """

    def __init__(self, service: str) -> None:
        self._ids = _Given()
        # One processor, so that there is one thread, and one queue to empty at the end.
        processor = BatchSpanProcessor(OTLPSpanExporter(timeout=_SEND_S))
        own = self._provider(f"podium-{service}", at_exit=True)
        agent = self._provider(AGENT, at_exit=False)
        for provider in (own, agent):
            provider.add_span_processor(processor)
        self._tracers = {"self": own.get_tracer("podium"), "agent": agent.get_tracer("podium")}
        self._own = own

    def _provider(self, service: str, *, at_exit: bool) -> TracerProvider:
        resource = Resource.create({"service.name": service})
        return TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=at_exit)

    def send(self, span: Span, *, caller: tuple[int, int] | None = None) -> None:
        """Put a span on its way; `caller` is the trace and the span of whoever asked for it."""
        trace = trace_id(span.job_id)
        if trace is None:
            return
        self._ids.trace, self._ids.span = trace, span_id(span.job_id, span.key)
        parent = None if span.parent is None else _context(trace, span_id(span.job_id, span.parent))
        started = self._tracers[span.teller].start_span(
            span.name,
            context=parent,
            kind=SpanKind.SERVER if span.key == "submit" else SpanKind.INTERNAL,
            attributes={"podium.job_id": span.job_id, **span.attributes},
            links=[Link(_remote(*caller))] if caller else [],
            start_time=_nanoseconds(span.began),
        )
        if span.error:
            started.set_status(Status(StatusCode.ERROR, span.error))
        started.end(end_time=max(_nanoseconds(span.ended), _nanoseconds(span.began)))

    def close(self) -> None:
        """Send what waits, and stop; it happens by itself at the end of the process."""
        self._own.shutdown()


def _context(trace: int, span: int) -> Context:
    return set_span_in_context(NonRecordingSpan(_remote(trace, span)))


def _remote(trace: int, span: int) -> SpanContext:
    return SpanContext(trace, span, is_remote=True, trace_flags=_SAMPLED)


def _nanoseconds(at: datetime) -> int:
    return round(at.timestamp() * 1e6) * 1000
