"""The copy of the log that other systems read: a mirror in an account where nothing they do reaches the log.

``deploy/nats-accounts.conf`` says who may do what, and why it takes a copy.  A server without such an account
has no copy either.  Source: JetStream mirrors across accounts, https://docs.nats.io/nats-concepts/jetstream/source_and_mirror
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from nats.errors import NoRespondersError
from nats.js.errors import APIError

from events import subjects

if TYPE_CHECKING:
    from nats.aio.client import Client

_ANSWER_S: Final = 5.0
_NOT_FOUND: Final = 404

_log = structlog.get_logger(__name__)


async def ensure_copy(connection: Client, *, replicas: int = 1) -> bool:
    """Make the copy where there is none; False where the server has no account for readers.

    It goes on by itself from then on, also after a restart.  Written later than the log and made anew from
    it, it need not be on disk at once.

    Raises:
        APIError: JetStream refused it.
        TimeoutError: no answer.
    """
    try:
        answer = await _ask(connection, f"STREAM.INFO.{subjects.STREAM}", b"")
        if answer.get("error", {}).get("code") == _NOT_FOUND:
            wanted = msgspec.json.encode(_configuration(replicas))
            answer = await _ask(connection, f"STREAM.CREATE.{subjects.STREAM}", wanted)
    except NoRespondersError:
        _log.info("no_account_for_readers")
        return False
    if "error" in answer:
        APIError.from_error(answer["error"])
    return True


async def remove_copy(connection: Client) -> None:
    """Delete the copy, where there is one: it is of a log that gives way to another.

    Raises:
        APIError: JetStream refused it.
        TimeoutError: no answer.
    """
    try:
        answer = await _ask(connection, f"STREAM.DELETE.{subjects.STREAM}", b"")
    except NoRespondersError:
        return
    if "error" in answer and answer["error"].get("code") != _NOT_FOUND:
        APIError.from_error(answer["error"])


async def _ask(connection: Client, what: str, payload: bytes) -> dict[str, Any]:
    message = await connection.request(f"{subjects.READERS_API}.{what}", payload, timeout=_ANSWER_S)
    return msgspec.json.decode(message.data, type=dict[str, Any])


def _configuration(replicas: int) -> dict[str, Any]:
    """The stream as JetStream's API wants it: the client's own type does not know of `persist_mode`."""
    return {
        "name": subjects.STREAM,
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "num_replicas": replicas,
        "mirror": {
            "name": subjects.STREAM,
            "external": {"api": subjects.LOG_API, "deliver": subjects.COPY_DELIVERY},
        },
        "allow_direct": True,
        "deny_delete": True,
        "deny_purge": True,
        # Only a stream of one replica may have it.
        **({"persist_mode": "async"} if replicas == 1 else {}),
    }
