"""The link to NATS, with the log and the artifacts; while it is away every call says so at once."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from events import subjects
from events.catalogue import JobArchived, JobRequested, UnreadableEventError, decode
from events.jetstream import ensure_stream
from events.job import request_of
from events.log import UnavailableError
from services.artifacts import ArtifactStore, ensure_bucket
from services.broker import connect, insist
from services.delivery_log import DeliveryLog, ensure_delivery_stream
from services.key_store import KeyStore, ensure_key_bucket
from services.logstream import LogLines
from services.tracing import TracedLog
from services.webhook_secrets import WebhookSecrets, ensure_secret_bucket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from events.catalogue import Artifact, Event
    from events.log import Batch, Expectation
    from events.recorded import Recorded
    from services.nats_tls import NatsTls

_ANSWER_S: Final = 1.0
_E = TypeVar("_E", JobRequested, JobArchived)


class NatsLink:
    """An `events.log.Log` that may be away, with the artifacts beside it."""

    def __init__(self, url: str, *, source: str, replicas: int, tls: NatsTls | None = None) -> None:
        self._url = url
        self._tls = tls
        self._source = source
        self._replicas = replicas
        self._connection: Client | None = None
        self._log: TracedLog | None = None
        self._ready = asyncio.Event()

    async def open(self) -> None:
        """Connect and make streams and buckets, trying until all of it has worked."""
        self._connection = await connect(self._url, name=self._source, tls=self._tls, inbox="gateway")
        js = self._connection.jetstream()
        for ensure in (
            ensure_stream,
            ensure_bucket,
            ensure_key_bucket,
            ensure_secret_bucket,
            ensure_delivery_stream,
        ):
            await insist(partial(ensure, js, replicas=self._replicas))
        self._log = TracedLog(self._connection, source=self._source)
        self._ready.set()

    async def there(self) -> None:
        """Return once it was opened; it may be away again by then."""
        await self._ready.wait()

    async def on_heartbeat(self, heard: Callable[[bytes], None]) -> None:
        """Hand each executor's heartbeats over from now on, after outages too; the link is open."""

        async def pass_on(message: Msg) -> None:
            heard(message.data)

        await self._there()[0].subscribe(subjects.HEARTBEATS, cb=pass_on)

    async def close(self) -> None:
        """Let go of the connection, if there is one."""
        if self._connection is not None:
            await self._connection.close()

    async def append(self, event: Event, *, expect: Expectation) -> int:
        """See `events.log.Log.append`; nothing is sent while the server is away."""
        return await self._there()[1].append(event, expect=expect)

    async def read_job(self, job_id: str) -> list[Recorded]:
        """See `events.log.Log.read_job`."""
        return await self._there()[1].read_job(job_id)

    async def request_of(self, job_id: str) -> JobRequested | None:
        """What a job began with; None where there is no such job, or its request cannot be read.

        Raises:
            UnavailableError: the server is away or does not answer.
        """
        event = await self._last(job_id, JobRequested) or await self._last(job_id, JobArchived)
        return request_of(event.job) if isinstance(event, JobArchived) else event

    async def _last(self, job_id: str, kind: type[_E]) -> _E | None:
        """The last event of a type of a job; None without, or where it cannot be read."""
        js = self._there()[0].jetstream(timeout=_ANSWER_S)
        try:
            found = await js.get_last_msg(subjects.STREAM, f"jobs.{job_id}.{kind.__name__}")
        except NotFoundError:
            return None
        except (NatsError, TimeoutError, OSError) as error:
            raise UnavailableError(f"JetStream does not answer: {error!r}") from error
        try:
            event = decode(found.data or b"")
        except UnreadableEventError:
            return None
        return event if isinstance(event, kind) else None

    async def follow(self, *, after: int) -> AsyncIterator[Batch]:
        """See `events.log.Log.follow`; begins once the server is there."""
        await self._ready.wait()
        async for batch in self._there()[1].follow(after=after):
            yield batch

    async def last_sequence(self) -> int:
        """Where the log ends now; also the proof that JetStream answers.

        Raises:
            UnavailableError: it does not, or not within a second.
        """
        connection, _ = self._there()
        try:
            async with asyncio.timeout(_ANSWER_S):
                info = await connection.jetstream().stream_info(subjects.STREAM)
        except (NatsError, TimeoutError, OSError) as error:
            raise UnavailableError(f"JetStream does not answer: {error!r}") from error
        return info.state.last_seq

    async def fetch(self, artifact: Artifact) -> bytes:
        """The artifact's bytes.

        Raises:
            UnavailableError: the server is away.
            ArtifactError: see `services.artifacts.ArtifactStore.get`.
        """
        return await ArtifactStore(self._there()[0].jetstream()).get(artifact)

    def keys(self) -> KeyStore:
        """The API keys.

        Raises:
            UnavailableError: the server is away.
        """
        return KeyStore(self._there()[0])

    def deliveries(self) -> DeliveryLog:
        """The deliveries of webhooks.

        Raises:
            UnavailableError: the server is away.
        """
        return DeliveryLog(self._there()[0])

    def webhook_secrets(self) -> WebhookSecrets:
        """What webhooks are signed with.

        Raises:
            UnavailableError: the server is away.
        """
        return WebhookSecrets(self._there()[0])

    def log_lines(self) -> LogLines:
        """The log lines of jobs.

        Raises:
            UnavailableError: the server is away.
        """
        return LogLines(self._there()[0])

    def _there(self) -> tuple[Client, TracedLog]:
        """Connection and log; a client that is away would keep a message and send it much later."""
        if self._connection is None or self._log is None or not self._connection.is_connected:
            raise UnavailableError("NATS is away")
        return self._connection, self._log
