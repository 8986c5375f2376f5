"""Clients as they should be written: they submit again with the same key, and watch without a gap."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Sequence

_AGAIN_S = 0.3
_LAST = {"JobSucceeded", "JobFailed", "JobCancelled"}
# A stream is pinged every 15 s: one that is silent for longer is dead.
_TIMEOUT = httpx.Timeout(10.0, read=20.0)
_HANG_UP_SHARE = 0.3
_HANG_UP = httpx.Timeout(10.0, read=0.001)
# A gateway says when to come again; a proxy in front of gateways that died says less.
_AWAY = frozenset({httpx.codes.SERVICE_UNAVAILABLE})
_AWAY_BEHIND_PROXY = _AWAY | {httpx.codes.BAD_GATEWAY, httpx.codes.GATEWAY_TIMEOUT}


class Clients:
    """Talk to any of the gateways, or to their proxy; `accepted` has the jobs by id with their numbers."""

    def __init__(
        self, urls: Sequence[str], *, seed: int, key: str | None = None, proxied: bool = False
    ) -> None:
        self._urls = urls
        self._seed = seed
        self._chance = random.Random(seed)
        self._proxied = proxied
        self._away = _AWAY_BEHIND_PROXY if proxied else _AWAY
        self._http = httpx.AsyncClient(
            timeout=_TIMEOUT,
            limits=httpx.Limits(max_connections=None),
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )
        self._watching: list[asyncio.Task[None]] = []
        self.accepted: dict[str, int] = {}
        self.seen: dict[str, list[int]] = {}
        self.unsure = 0
        self.resumed = 0
        self.cancelled: set[str] = set()

    async def submit(self, number: int, slug: str) -> str:
        """Submit until a gateway accepts, then watch the job; some do not wait for the first answer."""
        body = {"kaggle_url": f"local:{slug}", "budget_s": 30 + number}
        headers = {"Idempotency-Key": f"chaos-{self._seed}-{number}"}
        timeout = _HANG_UP if self._chance.random() < _HANG_UP_SHARE else _TIMEOUT
        while True:
            try:
                answer = await self._http.post(
                    f"{self._url()}/run", json=body, headers=headers, timeout=timeout
                )
            except httpx.TransportError:
                pass
            else:
                if answer.status_code == httpx.codes.ACCEPTED:
                    break
                assert answer.status_code in self._away, answer.text
                assert self._proxied or int(answer.headers["Retry-After"]) >= 1
            self.unsure += 1
            timeout = _TIMEOUT
            await asyncio.sleep(_AGAIN_S)
        job_id: str = answer.json()["job_id"]
        self.accepted[job_id] = number
        self.seen[job_id] = []
        self._watching.append(asyncio.create_task(self._watch(job_id)))
        return job_id

    async def cancel(self, job_id: str) -> None:
        """Ask for a job's end until a gateway has heard it."""
        while True:
            try:
                answer = await self._http.delete(f"{self._url()}/jobs/{job_id}")
            except httpx.TransportError:
                pass
            else:
                if answer.status_code == httpx.codes.ACCEPTED:
                    self.cancelled.add(job_id)
                if answer.status_code in {httpx.codes.ACCEPTED, httpx.codes.CONFLICT}:
                    return
                assert answer.status_code in self._away, answer.text
            await asyncio.sleep(_AGAIN_S)

    async def all_seen(self) -> None:
        """Wait until every watcher has seen its job end."""
        await asyncio.gather(*self._watching)

    async def close(self) -> None:
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        await self._http.aclose()

    async def _watch(self, job_id: str) -> None:
        seen = self.seen[job_id]
        while not await self._stream(job_id, seen):
            self.resumed += 1
            await asyncio.sleep(_AGAIN_S)

    async def _stream(self, job_id: str, seen: list[int]) -> bool:
        """Read one stream to its end; True once the job's last event has come."""
        headers = {"Last-Event-ID": str(seen[-1])} if seen else {}
        frame: dict[str, str] = {}
        try:
            async with self._http.stream(
                "GET", f"{self._url()}/jobs/{job_id}/events", headers=headers
            ) as answer:
                if answer.status_code in self._away:
                    return False
                assert answer.status_code == httpx.codes.OK, f"{job_id}: {answer.status_code}"
                async for line in answer.aiter_lines():
                    field, _, value = line.partition(": ")
                    frame[field] = value
                    if line:
                        continue
                    # Only a blank line makes a frame whole: what a dying gateway had begun to say is dropped.
                    if "id" in frame:
                        seen.append(int(frame["id"]))
                        if frame["event"] in _LAST:
                            return True
                    frame = {}
        except httpx.TransportError:
            pass
        return False

    def _url(self) -> str:
        return self._chance.choice(self._urls)
