from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import msgspec
import pytest

from events.job import fold
from podium.client import Client
from podium.errors import PodiumError, StackError, UsageError
from services.gateway.log_frames import END, place_of
from services.gateway.log_frames import frame as log_frame
from services.gateway.sse import PING, frame
from services.gateway.view import ArtifactView, JobView, view_of
from services.gateway.view_room import Room
from services.log_line import LogLine
from tests.unit.cli.history import BEGAN_AT, HISTORY, JOB

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Breaking(httpx.AsyncByteStream):
    """A body that ends in a lost connection."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body
        raise httpx.ReadError("connection reset")


class FakeGateway(httpx.AsyncBaseTransport):
    """Serves one job's history, but loses the connection after `events_per_connection` events."""

    def __init__(self, events_per_connection: int) -> None:
        self._room = events_per_connection
        self.asked: list[str | None] = []
        self.is_away = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_away:
            raise httpx.ConnectError("refused")
        last = request.headers.get("Last-Event-ID")
        self.asked.append(last)
        rest = [record for record in HISTORY if record.sequence > int(last or 0)]
        body = PING + b"".join(frame(record) for record in rest[: self._room])
        return httpx.Response(200, stream=Breaking(body))


async def test_events_come_once_and_in_order_over_lost_connections():
    gateway = FakeGateway(events_per_connection=5)
    async with Client("http://test", transport=gateway, come_back_s=0) as client:
        assert [record async for record in client.events(JOB)] == HISTORY
    assert gateway.asked == [None, "50", "100"]


@pytest.mark.parametrize("ends_with_204", [False, True])
async def test_log_lines_come_once_over_lost_connections(*, ends_with_204: bool) -> None:
    lines = [
        LogLine(attempt=1, number=number, time=BEGAN_AT, stream="stdout", text=str(number))
        for number in range(1, 6)
    ]
    asked: list[str | None] = []

    def serve(request: httpx.Request) -> httpx.Response:
        last = request.headers.get("Last-Event-ID")
        asked.append(last)
        rest = [one for one in lines if one.place > place_of(last)]
        if not rest and ends_with_204:
            return httpx.Response(204)
        end = b"" if rest else END
        return httpx.Response(200, stream=Breaking(PING + b"".join(map(log_frame, rest[:2])) + end))

    async with Client("http://test", transport=httpx.MockTransport(serve), come_back_s=0) as client:
        assert [line async for line in client.log_lines(JOB)] == lines
    assert asked == [None, "1.2", "1.4", "1.5"]


async def test_a_gateway_that_is_away_at_the_start_is_an_error():
    gateway = FakeGateway(events_per_connection=5)
    gateway.is_away = True
    async with Client("http://test", transport=gateway) as client:
        with pytest.raises(StackError, match="http://test does not answer"):
            await anext(client.events(JOB))


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, UsageError, "There is no job x."),
        (404, UsageError, "There is no job x."),
        (422, UsageError, "There is no job x."),
        (429, PodiumError, "no more requests"),
        (503, StackError, "There is no job x."),
    ],
)
async def test_a_refusal_is_told_in_the_gateway_s_words(status: int, error: type[PodiumError], words: str):
    answer = httpx.Response(status, json={"detail": "There is no job x.", "type": "urn:x"})
    async with Client("http://test", transport=httpx.MockTransport(lambda _: answer)) as client:
        with pytest.raises(PodiumError, match=words) as caught:
            await client.status("x")
        assert type(caught.value) is error
        with pytest.raises(error):
            await anext(client.events("x"))


@pytest.mark.parametrize("body", [b"<html>", b"\xff", b'{"job_id": "x"}'])
async def test_an_answer_of_something_else_is_an_error(body: bytes) -> None:
    answer = httpx.Response(200, content=body)
    async with Client("http://me:canary@test", transport=httpx.MockTransport(lambda _: answer)) as client:
        for ask in (client.status("x"), client.jobs(), client.cancel("x"), client.log("x")):
            with pytest.raises(StackError, match="http://test answers cannot be understood") as caught:
                await ask
            assert "version" in caught.value.hint


async def test_a_key_goes_along_with_everything() -> None:
    seen: list[str | None] = []

    def serve(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Authorization"))
        return httpx.Response(401, json={"detail": "no"})

    async with Client("http://test", api_key="pk_x", transport=httpx.MockTransport(serve)) as client:
        for ask in (client.status("x"), anext(client.events("x")), anext(client.log_lines("x"))):
            with pytest.raises(UsageError) as caught:
                await ask
            assert "PODIUM_API_KEY" in caught.value.hint
    assert seen == ["Bearer pk_x"] * 3


async def test_a_changed_file_is_not_taken():
    def serve(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/jobs/x/files/a b.csv"
        return httpx.Response(200, content=b"1,2")

    async with Client("http://test", transport=httpx.MockTransport(serve)) as client:
        good = holding("a b.csv", sha256=hashlib.sha256(b"1,2").hexdigest())
        assert await client.download(good, "a b.csv") == b"1,2"
        with pytest.raises(PodiumError, match="did not arrive as it was stored"):
            await client.download(holding("a b.csv", sha256="0" * 64), "a b.csv")
        with pytest.raises(UsageError, match=r"made no report\.html") as caught:
            await client.download(good, "report.html")
        assert "a b.csv" in caught.value.hint


def holding(name: str, *, sha256: str) -> JobView:
    """A job that has made one file."""
    artifact = ArtifactView(name=name, url=f"/jobs/x/files/{quote(name)}", bytes=3, sha256=sha256)
    job = fold(HISTORY)
    assert job is not None
    return msgspec.structs.replace(view_of(job), artifacts=(artifact,))


async def test_waiting_ends_with_the_job_over_lost_connections():
    job = fold(HISTORY)
    assert job is not None
    gateway = FakeGateway(events_per_connection=5)

    class Both(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path == f"/status/{JOB}":
                return httpx.Response(200, content=msgspec.json.encode(view_of(job)))
            return await gateway.handle_async_request(request)

    async with Client("http://test", transport=Both(), come_back_s=0) as client:
        assert await client.wait(JOB) == view_of(job)
    assert len(gateway.asked) > 1


@pytest.mark.parametrize(
    ("wanted", "body", "key"),
    [
        ({"budget_s": None}, {}, None),
        (
            {"budget_s": 60, "time_limit_s": 90, "priority": "high", "tags": ("a", "b"), "key": "order-1"},
            {"budget_s": 60, "time_limit_s": 90, "priority": "high", "tags": ["a", "b"]},
            "order-1",
        ),
    ],
)
async def test_only_what_is_wanted_is_sent(
    wanted: dict[str, object], body: dict[str, object], key: str | None
) -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        assert msgspec.json.decode(request.content) == {"kaggle_url": "local:c", **body}
        assert request.headers.get("Idempotency-Key") == key
        return httpx.Response(202, json={"job_id": "x"})

    async with Client("http://test", transport=httpx.MockTransport(serve)) as client:
        assert await client.run("local:c", **wanted) == "x"


async def test_a_status_that_lags_is_waited_for():
    views = [view_of(job) for end in (13, 14) if (job := fold(HISTORY[:end]))]
    answers = iter(msgspec.json.encode(view) for view in views)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=next(answers)))
    async with Client("http://test", transport=transport) as client:
        assert (await client.ended(JOB)).status == "success"


@pytest.mark.parametrize("room", [Room(executors=2, draining=0, slots=8, running=3, free=5), None])
async def test_a_gateway_of_another_version_may_not_say_what_executors_have(room: Room | None) -> None:
    answer = {"queued": 1, "future": [1], **({} if room is None else {"room": msgspec.to_builtins(room)})}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=msgspec.json.encode(answer)))
    async with Client("http://test", transport=transport) as client:
        assert await client.room() == room
