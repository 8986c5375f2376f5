"""Steady probes of what a client wants, and how long it went without: a late answer counts as none."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import httpx
import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

EVERY_S: Final = 0.25
LATE_S: Final = 2.0
"""An answer after so long is none."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One probe: when it was sent, in seconds, and whether it was answered in time."""

    at_s: float
    answered: bool


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """From the first probe without an answer to the next one with; `until_s` is None where none was."""

    from_s: float
    until_s: float | None


def outages(samples: Sequence[Sample]) -> list[Outage]:
    """The times without an answer, in order."""
    found: list[Outage] = []
    from_s: float | None = None
    for sample in sorted(samples, key=lambda sample: sample.at_s):
        if not sample.answered and from_s is None:
            from_s = sample.at_s
        elif sample.answered and from_s is not None:
            found.append(Outage(from_s=from_s, until_s=sample.at_s))
            from_s = None
    if from_s is not None:
        found.append(Outage(from_s=from_s, until_s=None))
    return found


class Probes:
    """Ask for three things, each four times a second: whether a job is taken, a job's status, a job's events.

    A submit is probed by a request that was taken before, with its Idempotency-Key: the log has to say so.
    """

    def __init__(self, url: str, *, key: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=LATE_S,
            limits=httpx.Limits(max_connections=None),
        )
        self._sent: set[asyncio.Task[None]] = set()
        self.samples: dict[str, list[Sample]] = {"submit": [], "status": [], "SSE": []}

    async def run(self, job_id: str, body: dict[str, object], key: str) -> None:
        """Probe until cancelled, with a job, the request that it came by, and its Idempotency-Key."""
        headers = {"Idempotency-Key": key}
        asked: dict[str, Callable[[], Awaitable[bool]]] = {
            "submit": lambda: self._submits(body, headers),
            "status": lambda: self._shows(job_id),
            "SSE": lambda: self._streams(job_id),
        }
        try:
            while True:
                for kind, ask in asked.items():
                    # None waits for the one before it, which may be hanging.
                    task = asyncio.create_task(self._probe(kind, ask))
                    self._sent.add(task)
                    task.add_done_callback(self._sent.discard)
                await asyncio.sleep(EVERY_S)
        finally:
            for task in self._sent:
                task.cancel()
            await asyncio.gather(*self._sent, return_exceptions=True)
            await self._http.aclose()

    async def _probe(self, kind: str, ask: Callable[[], Awaitable[bool]]) -> None:
        at_s = time.monotonic()
        try:
            async with asyncio.timeout(LATE_S):
                answered = await ask()
        except (httpx.HTTPError, TimeoutError):
            answered = False
        self.samples[kind].append(Sample(at_s=at_s, answered=answered))

    async def _submits(self, body: dict[str, object], headers: dict[str, str]) -> bool:
        return (await self._http.post("/run", json=body, headers=headers)).is_success

    async def _shows(self, job_id: str) -> bool:
        return (await self._http.get(f"/status/{job_id}")).is_success

    async def _streams(self, job_id: str) -> bool:
        async with self._http.stream("GET", f"/jobs/{job_id}/events") as answer:
            async for line in answer.aiter_lines():
                if line.startswith("id:"):
                    return True
        return False
