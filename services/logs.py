"""How services log: structlog to stderr, coloured on a terminal, one JSON object a line elsewhere."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import msgspec
import structlog

from services import tracing

if TYPE_CHECKING:
    from structlog.typing import EventDict


def configure(service: str) -> None:
    """Set up logging for this process and bind the service's name to every line."""
    on_terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer()
        if on_terminal
        else structlog.processors.JSONRenderer(serializer=_as_json)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _with_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if on_terminal else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=(
            structlog.PrintLoggerFactory(sys.stderr)
            if on_terminal
            else structlog.BytesLoggerFactory(sys.stderr.buffer)
        ),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    structlog.contextvars.bind_contextvars(service=service)


def _as_json(line: EventDict, **_: object) -> bytes:
    return msgspec.json.encode(line, enc_hook=repr)


def _with_trace(_: object, __: str, line: EventDict) -> EventDict:
    """A line about a job names its trace, where there are traces."""
    if trace := tracing.trace_of(str(line.get("job_id", ""))):
        line["trace_id"] = trace
    return line
