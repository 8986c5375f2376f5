"""A connection to NATS for a command: made soon or not at all, and then for the reason that there was."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Final

import nats
from nats.errors import Error as NatsError
from nats.errors import NoServersError

from podium.errors import UsageError
from services import nats_tls
from services.broker import servers_of
from services.environment import Environment, SettingError

if TYPE_CHECKING:
    from nats.aio.client import Client

_AGAIN_S: Final = 0.1


async def reach(url: str, *, timeout_s: float) -> Client:
    """A client that does not come back once it has lost its server; `timeout_s` is for each server in `url`.

    Raises:
        nats.errors.Error, OSError: none answers; the library alone tries 60 times, and tells no reason.
        ValueError: `url` is no address.
        UsageError: the environment names certificates that cannot be read.
    """
    try:
        tls = nats_tls.read(Environment(os.environ))
    except SettingError as error:
        raise UsageError(f"{error}.") from error
    heard: deque[Exception] = deque(maxlen=1)

    async def hear(error: Exception) -> None:
        heard.append(error)

    try:
        return await nats.connect(
            list(servers_of(url)),
            tls=tls.context() if tls else None,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=_AGAIN_S,
            connect_timeout=timeout_s,
            error_cb=hear,
        )
    except NoServersError as error:
        if heard and isinstance(heard[0], NatsError | OSError):
            raise heard[0] from error
        raise
