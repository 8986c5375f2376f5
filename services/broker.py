"""A connection to NATS that waits for a server to be up and ready, and reconnects to any for ever after."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from nats.aio.client import Client
from nats.aio.transport import TcpTransport
from nats.errors import Error as NatsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from services.nats_tls import NatsTls

_RETRY_S: Final = 0.5
# A server that was cut off says nothing at all.  Noticed within 6 s, well before an executor's lease is over.
_PING_S: Final = 2
_PINGS_MAX: Final = 2

_log = structlog.get_logger(__name__)


async def _nothing() -> None:
    """The default of `connect`'s `on_reconnect`."""


class _Client(Client):
    """The library's client, but for how it leaves a server."""

    async def _attempt_reconnect(self) -> None:
        """Go to another server at once: the library would wait half a minute for the TLS good-bye of one that
        is cut off.
        """
        if isinstance(self._transport, TcpTransport) and self._transport._io_writer is not None:  # noqa: SLF001 - no other way to the socket
            self._transport._io_writer.transport.abort()  # noqa: SLF001 - see there
        await super()._attempt_reconnect()


def servers_of(url: str) -> Sequence[str]:
    """The servers in a NATS_URL: one, or several with commas between them."""
    return [server for part in url.split(",") if (server := part.strip())]


async def connect(
    url: str,
    *,
    name: str,
    inbox: str,
    tls: NatsTls | None = None,
    on_reconnect: Callable[[], Awaitable[None]] = _nothing,
) -> Client:
    """Connect as `name` to one of the servers in `url`, trying until it works.

    Answers come to subjects below ``_INBOX.<inbox>``, so that permissions can keep others from hearing
    them; `on_reconnect` is awaited after each outage.
    """
    context = tls.context() if tls else None

    async def on_error(error: Exception) -> None:
        _log.warning("nats_error", error=repr(error))

    async def on_disconnect() -> None:
        _log.warning("nats_disconnected")

    async def reconnected() -> None:
        _log.info("nats_reconnected")
        await on_reconnect()

    while True:
        try:
            client = _Client()
            await client.connect(
                list(servers_of(url)),
                name=name,
                tls=context,
                inbox_prefix=f"_INBOX.{inbox}",
                ping_interval=_PING_S,
                max_outstanding_pings=_PINGS_MAX,
                max_reconnect_attempts=-1,
                reconnect_time_wait=_RETRY_S,  # type: ignore[arg-type]  # it is slept for: any number will do
                error_cb=on_error,
                disconnected_cb=on_disconnect,
                reconnected_cb=reconnected,
            )
        except (NatsError, OSError, TimeoutError) as error:
            _log.warning("nats_unreachable", error=repr(error), retry_in_s=_RETRY_S)
            await asyncio.sleep(_RETRY_S)
        else:
            return client


async def insist(prepare: Callable[[], Awaitable[object]]) -> None:
    """Do what a service needs done in JetStream before it can work, trying until the server is able to.

    A server takes connections before its JetStream is there, and a cluster before it has a leader.
    """
    while True:
        try:
            await prepare()
        except (NatsError, OSError, TimeoutError) as error:
            _log.warning("jetstream_not_ready", error=repr(error), retry_in_s=_RETRY_S)
            await asyncio.sleep(_RETRY_S)
        else:
            return
