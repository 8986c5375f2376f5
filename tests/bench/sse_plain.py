"""Server-sent events as a short ASGI app has them: a queue for each client, and what is posted goes to all.

No log, no past, no keys, no limits: what the gateway's streams are measured beside.
"""

from __future__ import annotations

import asyncio
from typing import Any

clients: set[asyncio.Queue[bytes]] = set()


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    if scope["method"] == "POST":
        message = await receive()
        for client in clients:
            client.put_nowait(message["body"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    clients.add(queue)
    headers = [(b"content-type", b"text/event-stream")]
    try:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"retry: 2000\n\n", "more_body": True})
        while True:
            await send({"type": "http.response.body", "body": await queue.get(), "more_body": True})
    finally:
        clients.discard(queue)
