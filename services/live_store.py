"""Snapshots of live jobs in a NATS object store, so that a start need not read the whole history.

A snapshot is a shortcut and nothing more: where it cannot be read, is of other code or of another log, or
where the log does not hold the event that it ends with, the history is read.  Old ones, and what a writer
that was killed left behind, go away after `KEPT_DAYS`.
"""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Final, Protocol

import structlog
from nats.errors import Error as NatsError
from nats.js.api import ObjectStoreConfig
from nats.js.errors import NotFoundError

from events import subjects
from events.live import LiveState
from events.live_snapshot import SnapshotError, decode, encode
from events.log import UnavailableError

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

    from events.log import Extent

BUCKET: Final = "live-jobs"
KEPT_DAYS: Final = 7
BYTES_MAX: Final = 64 * 1024**2
"""A larger one is not stored: it would take longer to fetch than it saves."""

_NAME: Final = "newest"
_DAY_S: Final = 86_400
# An executor that starts has to be heard again before its lease ends.
_FETCH_S: Final = 5.0
_TRIES: Final = 2

_log = structlog.get_logger(__name__)


class Extending(Protocol):
    """A log that says which it is and where it ends."""

    async def extent(self) -> Extent: ...  # noqa: D102


async def ensure_live_bucket(js: JetStreamContext, *, replicas: int = 1) -> None:
    """Make the bucket where there is none."""
    try:
        await js.object_store(BUCKET)
    except NotFoundError:
        config = ObjectStoreConfig(replicas=replicas, ttl=KEPT_DAYS * _DAY_S)
        await js.create_object_store(BUCKET, config=config)


class LiveStore:
    """The bucket, over a connection; `log` is the log that the jobs are folded from."""

    def __init__(self, connection: Client, log: Extending) -> None:
        self._js = connection.jetstream()
        self._log = log

    async def load(self) -> LiveState:
        """The newest snapshot that can be trusted, or the state before the first event."""
        try:
            data = await self._fetch()
            if data is None:
                return LiveState()
            state = decode(data, await self._log.extent())
            await self._check_end(state)
        except (SnapshotError, UnavailableError, NatsError, TimeoutError, OSError) as error:
            _log.warning("snapshot_ignored", reason=str(error) or repr(error), instead="the history")
            return LiveState()
        _log.info("snapshot_loaded", sequence=state.sequence, jobs=len(state.jobs), bytes=len(data))
        return state

    async def keep(self, state: LiveState) -> None:
        """Store a snapshot in the place of the one before.

        Raises:
            UnavailableError: NATS did not take it.
        """
        try:
            extent = await self._log.extent()
            # Most of it is compression, which lets go of the interpreter's lock.
            data = await asyncio.to_thread(encode, state, log=extent.identity)
            if len(data) > BYTES_MAX:
                _log.warning("snapshot_too_large", bytes=len(data), bytes_max=BYTES_MAX, jobs=len(state.jobs))
                return
            await (await self._js.object_store(BUCKET)).put(_NAME, data)
        except (NatsError, TimeoutError, OSError) as error:
            raise UnavailableError(f"the bucket of live jobs does not answer: {error!r}") from error
        _log.info("snapshot_kept", sequence=state.sequence, jobs=len(state.jobs), bytes=len(data))

    async def _fetch(self) -> bytes | None:
        """The newest one's bytes, None where there is none; it may be replaced just as it is read."""
        for tried in range(1, _TRIES + 1):
            try:
                async with asyncio.timeout(_FETCH_S):
                    whole = io.BytesIO()
                    await (await self._js.object_store(BUCKET)).get(_NAME, writeinto=whole)
                    return whole.getvalue()
            except NotFoundError:
                return None
            except (NatsError, TimeoutError, OSError):
                if tried == _TRIES:
                    raise
        raise AssertionError("the last try returns or raises")

    async def _check_end(self, state: LiveState) -> None:
        """See that the log holds the event that the snapshot ends with.

        Raises:
            SnapshotError: it does not; the log has lost its end since, and has grown past it again.
        """
        try:
            message = await self._js.get_msg(subjects.STREAM, state.sequence)
            found = (message.headers or {}).get("ce-id")
        except NotFoundError:
            found = None
        if found != state.event_id:
            raise SnapshotError(f"the log has another event at {state.sequence} than {state.event_id}")
