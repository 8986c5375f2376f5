"""Sends one kind of request over many connections as fast as the answers come; a process of its own.

python -m tests.bench.http_load, with the orders on its standard input; prints what it saw; both as JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time

import msgspec
import uvloop


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What to send: `body` to `path`, each time with a new idempotency key, as each of `tokens` in turn."""

    port: int
    path: str
    body: str
    tokens: list[str]
    connections: int
    warm_s: float
    seconds: float


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Answers of status 202 within the measured time, how long each took, and the statuses of the others."""

    accepted: int
    p50_ms: float
    p99_ms: float
    others: dict[int, int]


async def main(orders: Orders) -> Seen:
    numbers, tokens = itertools.count(), itertools.cycle(orders.tokens)
    start = time.perf_counter() + orders.warm_s
    end = start + orders.seconds
    took_s: list[float] = []
    others: dict[int, int] = {}

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", orders.port)
        while (sent := time.perf_counter()) < end:
            writer.write(
                f"POST {orders.path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {next(tokens)}\r\nIdempotency-Key: bench-{next(numbers)}\r\n"
                f"Content-Length: {len(orders.body)}\r\n\r\n{orders.body}".encode()
            )
            status = await answer(reader)
            now = time.perf_counter()
            if status != 202:
                others[status] = others.get(status, 0) + 1
            elif start <= sent and now <= end:
                took_s.append(now - sent)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(orders.connections)))
    took_s.sort()
    return Seen(
        accepted=len(took_s),
        p50_ms=1000 * took_s[len(took_s) // 2],
        p99_ms=1000 * took_s[len(took_s) * 99 // 100],
        others=others,
    )


async def answer(reader: asyncio.StreamReader) -> int:
    """The status of an answer that says how long its body is, which is read and dropped."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head[9:12])


if __name__ == "__main__":
    seen = uvloop.run(main(msgspec.json.decode(sys.stdin.buffer.read(), type=Orders)))
    sys.stdout.write(msgspec.json.encode(seen).decode())
