"""API keys in a NATS key-value bucket: the one server that the gateway needs to take a job knows who may.

Under ``key.<id>`` lies a key, under ``used.<id>`` when it was last used.
"""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import structlog
from msgspec.structs import replace
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.errors import InvalidKeyError, KeyNotFoundError, KeyWrongLastSequenceError

from services.api_keys import ID_BYTES, SECRET_BYTES, ApiKey, Scope, digest_of, token_of
from services.key_value import ensure_key_value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from nats.aio.client import Client
    from nats.js import JetStreamContext
    from nats.js.kv import KeyValue

BUCKET: Final = "api-keys"
_ANSWER_S: Final = 5.0
_TRIES: Final = 5

_log = structlog.get_logger(__name__)


class KeyStoreError(Exception):
    """The bucket did not answer, or holds what is no key; nothing is known to have changed."""


class NoSuchKeyError(Exception):
    """There is no key with that id."""


class _Used(msgspec.Struct, frozen=True, kw_only=True):
    at: Annotated[datetime, msgspec.Meta(tz=True)]


async def ensure_key_bucket(js: JetStreamContext, *, replicas: int = 1) -> None:
    """Make the bucket where there is none."""
    await ensure_key_value(js, BUCKET, replicas=replicas)


class KeyStore:
    """The bucket, over a connection."""

    def __init__(self, connection: Client) -> None:
        self._js = connection.jetstream(timeout=_ANSWER_S)

    async def make(
        self, *, name: str, scopes: Sequence[Scope], now: datetime, expires_at: datetime | None
    ) -> tuple[ApiKey, str]:
        """A new key, stored, and its token, which can never be read again.

        Raises:
            KeyStoreError: see there.
        """
        key_id = secrets.token_hex(ID_BYTES)
        token = token_of(key_id, secrets.token_urlsafe(SECRET_BYTES))
        key = ApiKey(
            id=key_id,
            name=name,
            scopes=tuple(scopes),
            sha256=digest_of(token),
            created_at=now,
            expires_at=expires_at,
        )
        async with self._bucket() as bucket:
            await bucket.create(f"key.{key_id}", msgspec.json.encode(key))
        return key, token

    async def revoke(self, key_id: str, *, now: datetime) -> ApiKey:
        """The key, which counts no more; revoked once more it stays as it is.

        Raises:
            NoSuchKeyError: there is none.
            KeyStoreError: see there.
        """
        async with self._bucket() as bucket:
            for _ in range(_TRIES):
                try:
                    entry = await bucket.get(f"key.{key_id}")
                except (KeyNotFoundError, InvalidKeyError):
                    raise NoSuchKeyError(key_id) from None
                key = _key_in(entry)
                if key.revoked_at is not None:
                    return key
                key = replace(key, revoked_at=now)
                try:
                    await bucket.update(f"key.{key_id}", msgspec.json.encode(key), last=entry.revision)
                except KeyWrongLastSequenceError:
                    continue
                return key
        raise KeyStoreError(f"others changed {key_id} {_TRIES} times meanwhile")

    async def all(self) -> dict[str, ApiKey]:
        """Every key by its id, those that count no more included.

        Raises:
            KeyStoreError: see there.
        """
        found: dict[str, ApiKey] = {}
        for entry in await self._entries("key.*"):
            _put(found, entry)
        return found

    async def follow(self, *, quiet_s_max: float) -> AsyncIterator[dict[str, ApiKey]]:
        """Every key by its id, and again after each change, for ever.

        After `quiet_s_max` without one all are read anew, so that nothing stays missed after an outage.

        Raises:
            KeyStoreError: see there; what was known is still the best that is known.
        """
        while True:
            found: dict[str, ApiKey] = {}
            async with self._bucket() as bucket:
                watcher: Any = await bucket.watch("key.*", ignore_deletes=True)  # its methods have no types
                is_whole = False
                try:
                    while True:
                        entry = await watcher.updates(timeout=quiet_s_max)
                        is_whole = is_whole or entry is None
                        if entry is not None:
                            _put(found, entry)
                        if is_whole:
                            yield dict(found)
                except NatsTimeoutError:
                    continue
                finally:
                    await watcher.stop()

    async def used(self) -> dict[str, datetime]:
        """When each key was last used, to a minute; none where it never was.

        Raises:
            KeyStoreError: see there.
        """
        entries = await self._entries("used.*")
        try:
            return {
                entry.key.removeprefix("used."): msgspec.json.decode(entry.value or b"", type=_Used).at
                for entry in entries
            }
        except msgspec.DecodeError as error:
            raise KeyStoreError(f"a time of use is none: {error}") from error

    async def mark_used(self, key_id: str, at: datetime) -> None:
        """Remember a use.

        Raises:
            KeyStoreError: see there.
        """
        async with self._bucket() as bucket:
            await bucket.put(f"used.{key_id}", msgspec.json.encode(_Used(at=at)))

    async def _entries(self, keys: str) -> list[KeyValue.Entry]:
        found = []
        async with self._bucket() as bucket:
            watcher: Any = await bucket.watch(keys, ignore_deletes=True)  # its methods have no types
            try:
                while (entry := await watcher.updates(timeout=_ANSWER_S)) is not None:
                    found.append(entry)
            finally:
                await watcher.stop()
        return found

    @asynccontextmanager
    async def _bucket(self) -> AsyncIterator[KeyValue]:
        try:
            yield await self._js.key_value(BUCKET)
        except (NatsError, TimeoutError, OSError) as error:
            raise KeyStoreError(f"the bucket of API keys does not answer: {error!r}") from error


def _put(found: dict[str, ApiKey], entry: KeyValue.Entry) -> None:
    """Add a key to those found; an entry that is none is left out, since it must not shut out all others."""
    try:
        key = _key_in(entry)
    except KeyStoreError as error:
        _log.error("api_key_unreadable", error=str(error))
    else:
        found[key.id] = key


def _key_in(entry: KeyValue.Entry) -> ApiKey:
    try:
        key = msgspec.json.decode(entry.value or b"", type=ApiKey)
    except msgspec.DecodeError as error:
        raise KeyStoreError(f"{entry.key} is no key: {error}") from error
    if entry.key != f"key.{key.id}":
        raise KeyStoreError(f"{entry.key} holds the key {key.id}")
    return key
