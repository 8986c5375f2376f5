"""Holds many streams of server-sent events open, and notes when each event came; a process of its own.

python -m tests.bench.sse_load, with the orders as a line of JSON on its standard input.  It says
`connected`, answers each line with what was seen, forgets it after a line `forget`, and ends with its input.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from datetime import datetime
from functools import partial

import msgspec
import uvloop

FRAME = re.compile(rb'\ndata: {"sequence":\d+,"time":"([^"]+)"')
AT_ONCE = 100


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """How many streams of which path."""

    port: int
    path: str
    clients: int


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Frames that came, their delays, and the moment by which the last had come."""

    frames: int
    p50_ms: float
    p99_ms: float
    last_at: float


class Client(asyncio.Protocol):
    """One stream: of each frame it notes how long after its event's time it came, in seconds."""

    def __init__(self, path: str, delays_s: list[float], times: dict[bytes, float]) -> None:
        self.opened = asyncio.get_running_loop().create_future()
        self._request = f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
        self._rest = b""
        self._delays_s = delays_s
        self._times = times

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # what it is
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        data = self._rest + data
        if not self.opened.done() and b"retry: " in data:
            self.opened.set_result(None)
        end = data.rfind(b"\n\n") + 2 if b"\n\n" in data else 0
        for found in FRAME.finditer(data, 0, end):
            self._delays_s.append(now - self._at(found[1]))
        self._rest = data[end:]

    def connection_lost(self, exc: Exception | None) -> None:
        sys.exit(f"a stream ended: {exc}")

    def _at(self, written: bytes) -> float:
        at = self._times.get(written)
        if at is None:
            at = self._times[written] = datetime.fromisoformat(written.decode()).timestamp()
        return at


def _itself(one: Client) -> Client:
    return one


async def main() -> None:
    loop = asyncio.get_running_loop()
    orders = msgspec.json.decode(sys.stdin.readline(), type=Orders)
    delays_s: list[float] = []
    times: dict[bytes, float] = {}
    clients: list[Client] = []
    while len(clients) < orders.clients:
        made = [
            Client(orders.path, delays_s, times) for _ in range(min(AT_ONCE, orders.clients - len(clients)))
        ]
        await asyncio.gather(
            *(loop.create_connection(partial(_itself, one), "127.0.0.1", orders.port) for one in made)
        )
        await asyncio.gather(*(one.opened for one in made))
        clients += made
    print("connected", flush=True)
    while asked := await loop.run_in_executor(None, sys.stdin.readline):
        print(
            msgspec.json.encode(seen(delays_s, newest=max(times.values(), default=0.0))).decode(), flush=True
        )
        if asked == "forget\n":
            delays_s.clear()


def seen(delays_s: list[float], *, newest: float) -> Seen:
    found = sorted(delays_s)
    return Seen(
        frames=len(found),
        p50_ms=1000 * found[len(found) // 2] if found else 0,
        p99_ms=1000 * found[len(found) * 99 // 100] if found else 0,
        last_at=newest + (found[-1] if found else 0),
    )


if __name__ == "__main__":
    uvloop.run(main())
