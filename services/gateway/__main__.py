"""``python -m services.gateway``: serve HTTP until told to stop, then let every stream end."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Final

import uvicorn

from services import logs, tracing
from services.environment import Environment, SettingError
from services.gateway import settings
from services.gateway.app import create_app
from services.gateway.parts import Parts
from services.gateway.wire import BoundedProtocol
from services.running import refuse

if TYPE_CHECKING:
    import socket

_LAST_WORDS_S: Final = 10


class GatewayServer(uvicorn.Server):
    """A server that ends its streams before it waits for its requests: they would go on for ever."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        config = uvicorn.Config(
            create_app(parts),
            host=parts.settings.host,
            port=parts.settings.port,
            loop="uvloop",
            http=BoundedProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(parts.settings.trusted_proxies),
            forwarded_allow_ips=list(parts.settings.trusted_proxies),
            timeout_graceful_shutdown=_LAST_WORDS_S,
        )
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: streams first, then everything else."""
        self._parts.hub.close()
        await super().shutdown(sockets)


def main() -> None:
    """Run the gateway; the exit code is 0 after a signal, 2 for a bad setting."""
    try:
        found = settings.read(os.environ)
    except SettingError as error:
        refuse("gateway", error)
    logs.configure("gateway")
    tracing.configure("gateway", Environment(os.environ))
    # Once it has stopped, uvicorn raises the signal again: being told to stop is no failure.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: sys.exit(0))
    GatewayServer(Parts(found)).run()


if __name__ == "__main__":
    main()
