"""A receiver of webhooks on loopback, which answers as a test tells it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Receiver:
    """`answers` holds what is answered next at a path, 200 once none are left; `heard` what came."""

    def __init__(self) -> None:
        self.url = ""
        self.heard: list[tuple[str, dict[str, str], str]] = []
        self.answers: defaultdict[str, list[Any]] = defaultdict(list)
        self.hung = asyncio.Event()

    def at(self, path: str) -> list[tuple[dict[str, str], str]]:
        return [(headers, body) for where, headers, body in self.heard if where == path]

    async def until(self, path: str, count: int, within_s: float = 15) -> list[tuple[dict[str, str], str]]:
        async with asyncio.timeout(within_s):
            while len(self.at(path)) < count:
                await asyncio.sleep(0.02)
        return self.at(path)

    async def _take(self, request: web.Request) -> web.Response:
        self.heard.append((request.path, dict(request.headers), await request.text()))
        answer = self.answers[request.path].pop(0) if self.answers[request.path] else 200
        if answer == "hang":
            self.hung.set()
            await asyncio.sleep(60)
        headers = {"Location": f"{self.url}/elsewhere"} if answer == 302 else {}
        return web.Response(status=answer, headers=headers, text="x" * 100_000)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver._take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()
