"""Jobs, from Python: a typed client of a gateway's HTTP interface."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import httpx
import msgspec

from events.job import ENDED, evolve
from events.lines import NotALineError, read_record
from podium.errors import PodiumError, StackError, UsageError
from podium.frames import recorded
from podium.refusals import misunderstood, refusal, understood, unreachable
from podium.streams import END, Streams
from services.gateway.view import JobPage, JobView
from services.gateway.view_room import Room
from services.gateway.view_webhooks import Deliveries, DeliveryView, Secret
from services.log_line import LogLine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from events.catalogue import Priority
    from events.job import JobStatus
    from events.recorded import Recorded

_ANSWER_S: Final = 15.0
_COME_BACK_S: Final = 1.0
_LAG_S: Final = 15.0
_LOOK_S: Final = 0.1


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a job's request."""

    job_id: str


class _Stats(msgspec.Struct, frozen=True, kw_only=True):
    room: Room | None = None


class Client:
    """Talks to one gateway; used as ``async with Client(url) as client``.

    Every method raises StackError where the gateway cannot be reached or is not able to serve, and
    UsageError where it refuses what was asked, with its own words.  `api_key` is for a gateway that asks
    for one.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        come_back_s: float = _COME_BACK_S,
    ) -> None:
        self.url = url.rstrip("/")
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        try:
            self._http = httpx.AsyncClient(
                base_url=self.url, timeout=_ANSWER_S, transport=transport, headers=headers
            )
        except httpx.InvalidURL as error:
            raise UsageError(f"{url} is no address of a gateway: {error}.") from error
        self._streams = Streams(self._http, url=self.url, come_back_s=come_back_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def run(
        self,
        kaggle_url: str,
        *,
        budget_s: int | None = None,
        time_limit_s: int | None = None,
        priority: Priority | None = None,
        tags: Sequence[str] = (),
        dollars_max: float | None = None,
        submit: bool = False,
        webhook_url: str | None = None,
        key: str | None = None,
    ) -> str:
        """Ask for a competition to be solved; the job's id.

        `dollars_max` is what calls to a language model may cost; with `submit` the answer goes to Kaggle;
        `webhook_url` is told how the job ends.  With a `key`, the same request sent again is the same job.
        """
        asked = {
            "budget_s": budget_s,
            "time_limit_s": time_limit_s,
            "priority": priority,
            "tags": list(tags) or None,
            "dollars_max": dollars_max,
            "submit": submit or None,
            "webhook_url": webhook_url,
        }
        body = {"kaggle_url": kaggle_url, **_wanted(asked)}
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = await self._ask("POST", "/run", body=body, headers=headers)
        return understood(answer, Accepted, url=self.url).job_id

    async def status(self, job_id: str, *, at: int | None = None) -> JobView:
        """All of a job, now or as it was after the event of sequence `at`."""
        path = f"/status/{job_id}" if at is None else f"/status/{job_id}?at={at}"
        return understood(await self._ask("GET", path), JobView, url=self.url)

    async def jobs(
        self,
        *,
        limit: int = 20,
        before: str | None = None,
        status: JobStatus | None = None,
        competition: str | None = None,
        search: str | None = None,
        tag: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> JobPage:
        """The newest jobs of all those that fit, newest first; None fits all.

        `search` is a part of a competition's name; `since` and `until` (exclusive) are times with an offset;
        `before` is the `next_before` of the page before this one.
        """
        asked = {
            "limit": limit,
            "before": before,
            "status": status,
            "competition": competition,
            "search": search,
            "tag": tag,
            "since": since.isoformat() if since else None,
            "until": until.isoformat() if until else None,
        }
        answer = await self._ask("GET", f"/jobs?{urlencode(_wanted(asked))}")
        return understood(answer, JobPage, url=self.url)

    async def ended(self, job_id: str) -> JobView:
        """All of a job that has ended; the table that answers may lag behind the job's last event.

        Raises:
            StackError: it lags for too long.
        """
        deadline = asyncio.get_running_loop().time() + _LAG_S
        while (view := await self.status(job_id)).status not in ENDED:
            if asyncio.get_running_loop().time() > deadline:
                raise StackError(
                    f"Job {job_id} has ended, but its status is still {view.status} after {_LAG_S:g} s.",
                    hint="See whether the projector runs, and what its log says.",
                )
            await asyncio.sleep(_LOOK_S)
        return view

    async def wait(self, job_id: str) -> JobView:
        """All of a job, once it has ended.

        Raises:
            StackError: the gateway was not there at the start, or then stayed away for a minute.
        """
        async for _ in self.events(job_id):
            pass
        return await self.ended(job_id)

    async def log(self, job_id: str) -> list[Recorded]:
        """A job's events so far, those after its end included."""
        answer = await self._ask("GET", f"/jobs/{job_id}/log")
        try:
            return [read_record(line) for line in answer.splitlines()]
        except NotALineError as error:
            raise misunderstood(self.url, error) from error

    async def room(self) -> Room | None:
        """What the executors have that the gateway hears; None where it does not say."""
        return understood(await self._ask("GET", "/stats"), _Stats, url=self.url).room

    async def cancel(self, job_id: str) -> JobView:
        """Ask for a job to end; the job as it is until then."""
        return understood(await self._ask("DELETE", f"/jobs/{job_id}"), JobView, url=self.url)

    async def download(self, job: JobView, name: str) -> bytes:
        """A file that a job made, equal to what the job stored.

        Raises:
            UsageError: the job has made no such file.
            PodiumError: it arrived changed.
        """
        artifact = next((one for one in job.artifacts if one.name == name), None)
        if artifact is None:
            made = ", ".join(one.name for one in job.artifacts) or "none"
            raise UsageError(f"Job {job.job_id} has made no {name}.", hint=f"Its files: {made}.")
        data = await self._ask("GET", artifact.url)
        if hashlib.sha256(data).hexdigest() != artifact.sha256:
            raise PodiumError(f"{artifact.name} did not arrive as it was stored.", hint="Ask for it again.")
        return data

    async def events(self, job_id: str) -> AsyncGenerator[Recorded, None]:
        """A job's events in log order, each once, until its last; comes back after a lost connection.

        Raises:
            StackError: the gateway was not there at the start, or then stayed away for a minute.
        """
        job = None
        async with aclosing(self._streams.frames(f"/jobs/{job_id}/events")) as frames:
            async for frame in frames:
                if frame.name == END:
                    return
                if not frame.last_id or (record := recorded(frame)) is None:
                    continue
                job = evolve(job, record)
                yield record
                if job is not None and job.has_ended:
                    return

    async def log_lines(self, job_id: str, *, follow: bool = True) -> AsyncGenerator[LogLine, None]:
        """The log lines of a job that are kept, each once, and those to come until it has ended.

        Comes back after a lost connection; without `follow`, only what there is now.

        Raises:
            StackError: the gateway was not there at the start, or then stayed away for a minute.
        """
        if not follow:
            for line in (await self._ask("GET", f"/jobs/{job_id}/logs?format=ndjson")).splitlines():
                yield understood(line, LogLine, url=self.url)
            return
        async with aclosing(self._streams.frames(f"/jobs/{job_id}/logs?follow=1")) as frames:
            async for frame in frames:
                if frame.name == END:
                    return
                if frame.name == "line":
                    yield understood(frame.data.encode(), LogLine, url=self.url)

    async def webhooks(self, job_id: str) -> tuple[DeliveryView, ...]:
        """What receivers were sent of a job in the last month, the oldest first, with every try."""
        answer = await self._ask("GET", f"/jobs/{job_id}/webhooks")
        return understood(answer, Deliveries, url=self.url).webhooks

    async def redeliver(self, job_id: str, webhook_id: str) -> DeliveryView:
        """Have a webhook that is over sent once more, now; the webhook as it waits for that."""
        answer = await self._ask("POST", f"/jobs/{job_id}/webhooks/{webhook_id}/redeliver")
        return understood(answer, DeliveryView, url=self.url)

    async def new_webhook_secret(self) -> str:
        """A secret to sign webhooks with from now on; the one before it signs along for a day."""
        return understood(await self._ask("POST", "/webhooks/secret"), Secret, url=self.url).secret

    async def _ask(
        self, method: str, path: str, *, body: object = None, headers: dict[str, str] | None = None
    ) -> bytes:
        try:
            answer = await self._http.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from error
        if not answer.is_success:
            raise refusal(answer)
        return answer.content


def _wanted(asked: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in asked.items() if value is not None}
