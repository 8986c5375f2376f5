"""``python -m services.gateway``: serve HTTP until told to stop, then let every stream end."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final, cast

import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from services import logs, tracing
from services.environment import Environment, SettingError
from services.gateway import settings
from services.gateway.app import create_app
from services.gateway.forwarded import Forwarded
from services.gateway.parts import Parts
from services.gateway.wire import BoundedProtocol
from services.running import refuse

if TYPE_CHECKING:
    import socket

    from litestar.types import ASGIApp

_LAST_WORDS_S: Final = 10


class GatewayServer(uvicorn.Server):
    """A server that ends its streams before it waits for its requests: they would go on for ever."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        config = uvicorn.Config(
            _behind_proxies(parts),
            host=parts.settings.host,
            port=parts.settings.port,
            loop="uvloop",
            http=BoundedProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_LAST_WORDS_S,
        )
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: streams first, then everything else."""
        self._parts.hub.close()
        await super().shutdown(sockets)


def _behind_proxies(parts: Parts) -> ASGIApp:
    """The app, told who asked where a trusted proxy says so: in the header that proxies here write."""
    app = cast("ASGIApp", create_app(parts))
    trusted = list(parts.settings.trusted_proxies)
    if not trusted:
        return app
    believing = cast("ASGIApp", ProxyHeadersMiddleware(cast("Any", app), trusted))
    return Forwarded(believing) if parts.settings.proxy_header == "forwarded" else believing


def main() -> None:
    """Run the gateway; the exit code is 0 after a signal, 2 for a bad setting."""
    try:
        found = settings.read(Environment(os.environ))
    except SettingError as error:
        refuse("gateway", error)
    logs.configure("gateway")
    tracing.configure("gateway", Environment(os.environ))
    # Once it has stopped, uvicorn raises the signal again: being told to stop is no failure.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: sys.exit(0))
    server = GatewayServer(Parts(found))
    # What was imported stays for ever: a collector that looks through all of it stops every stream meanwhile.
    gc.freeze()
    server.run()


if __name__ == "__main__":
    main()
