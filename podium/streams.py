"""A gateway's streams over all the connections that they take: each frame once, until there are no more."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import httpx

from podium.errors import StackError
from podium.refusals import refusal, unreachable
from podium.sse import Frame, Parser

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

END: Final = "end"
"""The frame after which a stream has no more."""

_ANSWER_S: Final = 15.0
_SILENCE_S: Final = 45.0
"""The gateway sends a comment every 15 s: three in a row missing is a dead connection."""

_OUTAGE_S: Final = 60.0


class Streams:
    """Reads what the gateway at `url` streams; comes back `come_back_s` after a lost connection."""

    def __init__(self, http: httpx.AsyncClient, *, url: str, come_back_s: float) -> None:
        self._http = http
        self._url = url
        self._come_back_s = come_back_s

    async def frames(self, path: str) -> AsyncGenerator[Frame, None]:
        """The frames of a stream; it is for whoever reads them to know the last.

        Raises:
            StackError: the gateway was not there at the start, or then stayed away for a minute.
        """
        last_id, was_there, lost_at = "", False, None
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with aclosing(self._connection(path, last_id)) as frames:
                    async for frame in frames:
                        was_there, lost_at = True, None
                        if frame is not None:
                            last_id = frame.last_id or last_id
                            yield frame
            except StackError:
                lost_at = loop.time() if lost_at is None else lost_at
                if not was_there or loop.time() - lost_at > _OUTAGE_S:
                    raise
            await asyncio.sleep(self._come_back_s)

    async def _connection(self, path: str, last_id: str) -> AsyncGenerator[Frame | None, None]:
        """The frames of one connection; None before the first says that the gateway is there."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        limits = httpx.Timeout(_ANSWER_S, read=_SILENCE_S)
        parser = Parser()
        try:
            async with self._http.stream("GET", path, headers=headers, timeout=limits) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise refusal(answer)
                yield None
                if answer.status_code == HTTPStatus.NO_CONTENT:
                    yield Frame(name=END, data="", last_id=last_id)
                async for piece in answer.aiter_bytes():
                    for frame in parser.feed(piece):
                        yield frame
        except httpx.TransportError as error:
            raise unreachable(self._url, error) from error
