"""The proxy on its socket, with connections to this machine: what goes through, and what is told."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from events.progress import KEYS_ASKED
from services.executor import egress_proxy
from services.executor.egress import AllowList, Endpoint
from services.executor.egress_gates import Gates
from services.executor.egress_proxy import HEAD_BYTES_MAX, Proxy
from services.executor.egress_told import TOLD_MAX

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

NOTHING = AllowList(public=frozenset(), named=frozenset())


@asynccontextmanager
async def echo() -> AsyncIterator[tuple[Endpoint, list[bytes]]]:
    """A server on loopback that answers all it got once the client has said everything."""
    got: list[bytes] = []

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        got.append(await reader.read())
        writer.write(b"you said " + got[-1])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield Endpoint("127.0.0.1", server.sockets[0].getsockname()[1]), got
    server.close()


@asynccontextmanager
async def gate(folder: Path, allowed: AllowList) -> AsyncIterator[Gates]:
    gates = Gates(folder)
    await gates.open("one", allowed)
    yield gates
    await gates.remove("one")


async def say(folder: Path, words: bytes, *, end: bool = True) -> bytes:
    """All that the proxy answers."""
    reader, writer = await asyncio.open_unix_connection(str(folder / "one" / "socket" / "proxy.sock"))
    writer.write(words)
    if end:
        writer.write_eof()
    with contextlib.closing(writer):
        async with asyncio.timeout(10):
            return await reader.read()


async def test_a_tunnel_carries_both_ways_and_its_bytes_are_counted(tmp_path: Path) -> None:
    async with echo() as (there, got):
        proxy = Proxy(AllowList(public=frozenset(), named=frozenset({there})), tell=print)
        server = await asyncio.start_unix_server(proxy.take, str(tmp_path / "s"))
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
        writer.write(f"CONNECT {there} HTTP/1.1\r\n\r\n".encode() + b"x" * 300_000)
        writer.write_eof()
        heard = await reader.read()
        writer.close()
        server.close()
        await proxy.close()
    assert got == [b"x" * 300_000]
    assert heard == b"HTTP/1.1 200 Connection established\r\n\r\nyou said " + got[0]
    assert (proxy.sent_bytes, proxy.received_bytes) == (300_000, 300_009)


async def test_a_second_request_on_a_connection_goes_where_the_first_went(tmp_path: Path) -> None:
    async with (
        echo() as (there, got),
        gate(tmp_path, AllowList(public=frozenset(), named=frozenset({there}))),
    ):
        second = b"GET http://evil.example/ HTTP/1.1\r\n\r\n"
        await say(tmp_path, f"GET http://{there}/a HTTP/1.1\r\n\r\n".encode() + second)
    assert got[0].startswith(b"GET /a HTTP/1.1\r\nHost: 127.0.0.1:")
    assert got[0].endswith(second)


async def test_nothing_is_looked_up_that_is_not_allowed_and_no_private_address_is_connected_to(
    tmp_path: Path,
) -> None:
    looked_up: list[Endpoint] = []
    told: list[str] = []

    async def resolve(endpoint: Endpoint) -> list[str]:
        looked_up.append(endpoint)
        return ["127.0.0.1"]

    async with echo() as (there, got):
        public = Endpoint("api.kaggle.com", there.port)
        allowed = AllowList(public=frozenset({public}), named=frozenset())
        proxy = Proxy(allowed, tell=told.append, resolve=resolve)
        server = await asyncio.start_unix_server(proxy.take, str(tmp_path / "s"))
        for asked in ("169.254.169.254:80", "metadata.google.internal:80", str(public)):
            reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
            writer.write(f"CONNECT {asked} HTTP/1.1\r\n\r\n".encode())
            assert (await reader.read()).startswith(b"HTTP/1.1 403 ")
            writer.close()
        server.close()
        await proxy.close()
    assert (looked_up, got) == ([public], [])
    assert told == [
        "169.254.169.254:80 is not on the allow-list",
        "metadata.google.internal:80 is not on the allow-list",
        f"{public} has no public address",
    ]


async def test_what_was_refused_is_told_again_to_the_next_executor_and_not_without_end(
    tmp_path: Path,
) -> None:
    gates = Gates(tmp_path)
    await gates.open("one", NOTHING)
    for number in range(2):
        await say(tmp_path, b"CONNECT a.example:%d HTTP/1.1\r\n\r\n" % (number + 1))
    first = "a.example:1 is not on the allow-list"
    assert gates.take("one")[0] == first
    assert gates.take("one") == []
    # The next executor: the last one was killed, and its socket is still there.
    after = Gates(tmp_path)
    await after.open("one", NOTHING)
    for _ in range(TOLD_MAX):
        await say(tmp_path, b"CONNECT b.example:1 HTTP/1.1\r\n\r\n")
    told = after.take("one")
    assert (told[0], len(told), told[-1]) == (first, TOLD_MAX, "more than is told here")
    await after.remove("one")
    await after.remove("one")
    assert list(tmp_path.iterdir()) == []
    await gates.remove("one")


async def test_a_head_without_end_and_connections_without_end_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(egress_proxy, "CONNECTIONS_MAX", 1)
    async with gate(tmp_path, NOTHING) as gates:
        socket = str(tmp_path / "one" / "socket" / "proxy.sock")
        _, first = await asyncio.open_unix_connection(socket)
        first.write(b"CONNECT ")
        await asyncio.sleep(0.05)
        assert (await say(tmp_path, b"", end=False)).startswith(b"HTTP/1.1 503 ")
        first.close()
        await asyncio.sleep(0.05)
        answer = await say(tmp_path, b"GET http://a/ HTTP/1.1\r\nX: " + b"x" * HEAD_BYTES_MAX + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert len(gates.take("one")) == 2


async def test_a_tunnel_in_which_nothing_moves_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress_proxy, "_IDLE_S", 0.2)
    async with (
        echo() as (there, _),
        gate(tmp_path, AllowList(public=frozenset(), named=frozenset({there}))),
    ):
        heard = await say(tmp_path, f"CONNECT {there} HTTP/1.1\r\n\r\n".encode(), end=False)
    assert heard == b"HTTP/1.1 200 Connection established\r\n\r\n"


async def test_a_socket_may_lie_deeper_than_its_address_can_say(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    async with gate(folder, NOTHING) as gates:
        socket = gates.mounted("one") / "proxy.sock"
        assert socket.is_socket()
        assert socket.stat().st_mode & 0o777 == 0o666
        assert folder.stat().st_mode & 0o077 == 0


async def test_keys_are_told_to_the_first_who_asks_and_to_nobody_after(tmp_path: Path) -> None:
    gates = Gates(tmp_path)
    await gates.open("one", NOTHING, {"KAGGLE_KEY": "k-e-y"})
    assert await say(tmp_path, KEYS_ASKED) == b'{"KAGGLE_KEY": "k-e-y"}'
    assert await say(tmp_path, KEYS_ASKED) == b"{}"
    assert gates.take("one") == []
    await gates.remove("one")
