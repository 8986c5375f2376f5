"""What Prometheus is told that no event moves: the state of the whole at one moment, purely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from prometheus_client.core import GaugeMetricFamily

from services.gateway.statistics import Busy
from services.presence import Heartbeat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What was found at a scrape; None where the server that knows did not answer.

    `checkpoint` was asked for before `last_sequence`, so that it does not lie past it.
    """

    busy: Busy | None
    checkpoint: int | None
    last_sequence: int | None
    sse_clients: int
    executors: tuple[Heartbeat, ...]

    def collect(self) -> Iterator[Metric]:
        """The series, as prometheus_client writes them; what is not known has none."""
        yield _gauge("podium_sse_clients", "Open streams of events.", self.sse_clients)
        up = {"nats": self.last_sequence is not None, "postgres": self.busy is not None}
        yield _gauges("podium_up", "1 where the server answered this scrape.", "server", up)
        yield from self._of_executors()
        if self.busy is not None:
            waiting = {
                "queued": self.busy.queued,
                "running": self.busy.running,
                "retrying": self.busy.retrying,
            }
            yield _gauges("podium_jobs", "Jobs that have not ended.", "status", waiting)
            age = self.busy.oldest_queued_s or 0.0
            yield _gauge("podium_queue_oldest_age_seconds", "Since the oldest queued job's request.", age)
        if self.last_sequence is not None:
            yield _gauge("podium_log_last_sequence", "Where the log ends.", self.last_sequence)
        if self.last_sequence is not None and self.checkpoint is not None:
            lag = max(0, self.last_sequence - self.checkpoint)
            yield _gauge("podium_projector_lag_events", "Events of the log that no row knows of.", lag)

    def _of_executors(self) -> Iterator[Metric]:
        slots = {beat.executor: beat.slots for beat in self.executors}
        running = {beat.executor: beat.running for beat in self.executors}
        yield _gauge("podium_executors_alive", "Executors heard in the last 15 s.", len(self.executors))
        yield _gauges("podium_executor_slots", "Attempts it takes at once.", "executor", slots)
        yield _gauges("podium_executor_running", "Attempts it runs.", "executor", running)
        free = {beat.executor: beat.free for beat in self.executors}
        yield _gauges("podium_executor_free", "Attempts more that it would start.", "executor", free)
        draining = {beat.executor: beat.draining for beat in self.executors}
        yield _gauges("podium_executor_draining", "1 where it starts nothing more.", "executor", draining)
        cpus = {beat.executor: beat.cpus for beat in self.executors}
        yield _gauges("podium_executor_attempt_cpus", "CPUs of one attempt.", "executor", cpus)
        memory = {beat.executor: beat.memory_bytes for beat in self.executors}
        help_ = "Bytes of memory of one attempt."
        yield _gauges("podium_executor_attempt_memory_bytes", help_, "executor", memory)
        there = {beat.executor: beat.running + beat.left_over for beat in self.executors}
        help_ = "Containers of attempts that are there, left over ones included."
        yield _gauges("podium_executor_containers", help_, "executor", there)


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value=value)


def _gauges(name: str, documentation: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=[label])
    for of, value in values.items():
        family.add_metric([of], value)
    return family
