"""The client of the gateway's HTTP interface."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import httpx
import msgspec

from events.catalogue import UnreadableEventError, decode
from events.job import ENDED, evolve
from events.lines import read_record
from events.recorded import Recorded, Unreadable
from podium.errors import PodiumError, StackError, UsageError
from podium.sse import Parser
from services.gateway.view import JobPage, JobView
from services.log_line import decode as decode_log_line

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from types import TracebackType
    from typing import Self

    from events.catalogue import Event, Priority
    from events.job import JobStatus
    from podium.sse import Frame
    from services.log_line import LogLine

_ANSWER_S: Final = 15.0
_SILENCE_S: Final = 45.0
"""The gateway sends a comment every 15 s: three in a row missing is a dead connection."""

_COME_BACK_S: Final = 1.0
_LAG_S: Final = 15.0
_LOOK_S: Final = 0.1
_OUTAGE_S: Final = 60.0
_REFUSED: Final = frozenset({400, 403, 404, 409, 413, 415, 422})
_NO_KEY: Final = 401
_TOO_MANY: Final = 429


class _Stamp(msgspec.Struct, frozen=True, kw_only=True):
    job_id: str
    sequence: int
    time: datetime


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a job's request."""

    job_id: str


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
        self._come_back_s = come_back_s
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._http = httpx.AsyncClient(
            base_url=self.url, timeout=_ANSWER_S, transport=transport, headers=headers
        )

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
        webhook_url: str | None = None,
        key: str | None = None,
    ) -> str:
        """Ask for a competition to be solved; the job's id.

        With a `key`, the same request sent again is the same job; `webhook_url` is told how it ends.
        """
        asked = {
            "budget_s": budget_s,
            "time_limit_s": time_limit_s,
            "priority": priority,
            "tags": list(tags) or None,
            "webhook_url": webhook_url,
        }
        body = {
            "kaggle_url": kaggle_url,
            **{name: value for name, value in asked.items() if value is not None},
        }
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = await self._ask("POST", "/run", body=body, headers=headers)
        return msgspec.json.decode(answer, type=Accepted).job_id

    async def status(self, job_id: str) -> JobView:
        """All of a job."""
        return msgspec.json.decode(await self._ask("GET", f"/status/{job_id}"), type=JobView)

    async def jobs(
        self,
        *,
        limit: int = 20,
        status: JobStatus | None = None,
        competition: str | None = None,
        tag: str | None = None,
    ) -> JobPage:
        """The newest jobs of all those that fit, newest first; None fits all."""
        asked = {"limit": limit, "status": status, "competition": competition, "tag": tag}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        return msgspec.json.decode(await self._ask("GET", f"/jobs?{query}"), type=JobPage)

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
        return [read_record(line) for line in (await self._ask("GET", f"/jobs/{job_id}/log")).splitlines()]

    async def cancel(self, job_id: str) -> None:
        """Ask for a job to end."""
        await self._ask("DELETE", f"/jobs/{job_id}")

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
        after, job, lost_at = 0, None, None
        loop = asyncio.get_running_loop()
        while job is None or not job.has_ended:
            try:
                async for record in self._events_after(job_id, after):
                    after, lost_at = record.sequence, None
                    job = evolve(job, record)
                    yield record
            except StackError:
                lost_at = loop.time() if lost_at is None else lost_at
                if job is None or loop.time() - lost_at > _OUTAGE_S:
                    raise
            if job is None or not job.has_ended:
                await asyncio.sleep(self._come_back_s)

    async def _events_after(self, job_id: str, after: int) -> AsyncGenerator[Recorded, None]:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": str(after)} if after else {})}
        parser = Parser()
        try:
            async with self._http.stream(
                "GET",
                f"/jobs/{job_id}/events",
                headers=headers,
                timeout=httpx.Timeout(_ANSWER_S, read=_SILENCE_S),
            ) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise _refusal(answer)
                async for piece in answer.aiter_bytes():
                    for frame in parser.feed(piece):
                        if frame.last_id and (record := recorded(frame)) is not None:
                            yield record
        except httpx.TransportError as error:
            raise _unreachable(self.url, error) from error

    async def log_text(self, job_id: str) -> str:
        """The log lines of a job that are kept."""
        return (await self._ask("GET", f"/jobs/{job_id}/logs")).decode()

    async def log_lines(self, job_id: str) -> AsyncGenerator[LogLine, None]:
        """The log lines of a job, those to come too, until it has ended or the connection is lost."""
        parser = Parser()
        try:
            async with self._http.stream(
                "GET",
                f"/jobs/{job_id}/logs?follow=1",
                timeout=httpx.Timeout(_ANSWER_S, read=_SILENCE_S),
            ) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise _refusal(answer)
                async for piece in answer.aiter_bytes():
                    for frame in parser.feed(piece):
                        if frame.name == "line":
                            yield decode_log_line(frame.data.encode())
        except httpx.TransportError as error:
            raise _unreachable(self.url, error) from error

    async def _ask(
        self, method: str, path: str, *, body: object = None, headers: dict[str, str] | None = None
    ) -> bytes:
        try:
            answer = await self._http.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise _unreachable(self.url, error) from error
        if not answer.is_success:
            raise _refusal(answer)
        return answer.content


def recorded(frame: Frame) -> Recorded | None:
    """The event in a frame, `Unreadable` where this version or the gateway's cannot; None for no event."""
    try:
        stamp = msgspec.json.decode(frame.data, type=_Stamp)
    except msgspec.DecodeError:
        return None
    event: Event | Unreadable
    try:
        if frame.name == Unreadable.__name__:
            event = msgspec.json.decode(frame.data, type=Unreadable)
        else:
            event = decode(frame.data.encode())
    except (msgspec.DecodeError, UnreadableEventError) as error:
        event = Unreadable(job_id=stamp.job_id, event_type=frame.name, reason=str(error))
    return Recorded(sequence=stamp.sequence, event_id="", source="gateway", time=stamp.time, event=event)


def _unreachable(url: str, error: httpx.TransportError) -> StackError:
    words = str(error) or type(error).__name__
    return StackError(
        f"The gateway at {url} does not answer ({words}).",
        hint="Start a stack with `podium up`, or set PODIUM_URL to the address of one.",
    )


class _Problem(msgspec.Struct, frozen=True, kw_only=True):
    detail: str = ""


def _refusal(answer: httpx.Response) -> PodiumError:
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except (msgspec.DecodeError, msgspec.ValidationError):
        problem = _Problem()
    words = problem.detail or answer.reason_phrase
    if answer.status_code == _NO_KEY:
        hint = "Set PODIUM_API_KEY; `podium keys create`, beside the gateway's NATS, makes a key."
        return UsageError(f"The gateway refused: {words}", hint=hint)
    if answer.status_code in _REFUSED:
        return UsageError(f"The gateway refused: {words}")
    if answer.status_code == _TOO_MANY:
        wait = answer.headers.get("Retry-After", "a few")
        return PodiumError("The gateway takes no more requests now.", hint=f"Try again in {wait} seconds.")
    return StackError(f"The gateway cannot serve now: {words}", hint="Try again in a moment.")
