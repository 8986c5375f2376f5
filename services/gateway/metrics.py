"""The series of this process for Prometheus: its requests, the events it saw, the process itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from services.gateway.event_metrics import EventMetrics

if TYPE_CHECKING:
    from services.gateway.snapshot import Snapshot

CONTENT_TYPE: Final = "text/plain; version=0.0.4"
"""Prometheus' text format; Litestar adds the charset."""

_ANSWER_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"})


class Metrics:
    """One registry for one gateway: two in the same process do not share any series."""

    def __init__(self) -> None:
        # A second series beside each counter, which says only when this process first moved it.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # theirs
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.events = EventMetrics(self._registry)
        self._requests = Counter(
            "podium_http_requests",
            "Requests, by the route that they matched.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._request_s = Histogram(
            "podium_http_request_duration_seconds",
            "From a request to the first byte of its answer.",
            ["method", "route"],
            buckets=_ANSWER_S,
            registry=self._registry,
        )

        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str | None, status: int, duration_s: float) -> None:
        """Count a request; `route` is the template of its path, None where it matched none.

        `status` is 0, and the duration does not count, where the client was gone before an answer began.
        """
        of = (method if method in _METHODS else "other", route or "none", status)
        series = self._series.get(of)
        if series is None:
            # Finding the series of some labels costs five times what moving it does.
            moved = self._requests.labels(*of[:2], str(status)), self._request_s.labels(*of[:2])
            series = self._series[of] = moved
        requests, request_s = series
        requests.inc()
        if status:
            request_s.observe(duration_s)

    def exposition(self, snapshot: Snapshot) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry) + generate_latest(snapshot)
