"""The API keys as this process knows them: in memory, so that a request waits for no server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from events.cancellation import heed_cancel
from events.log import UnavailableError
from services.api_keys import id_in, is_right, state_of
from services.key_store import KeyStoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from services.api_keys import ApiKey
    from services.key_store import KeyStore

_QUIET_S_MAX: Final = 5.0
_AGAIN_S: Final = 1.0
_NOTE_USE_S: Final = 30.0

_log = structlog.get_logger(__name__)


class Keyring:
    """Follows the bucket of keys; while that is away, the keys known last are those that count.

    `store` gives the bucket and raises UnavailableError while there is no connection; `changed` is called
    whenever keys may have come to count, or to count no more.
    """

    def __init__(
        self, store: Callable[[], KeyStore], clock: Callable[[], datetime], changed: Callable[[], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._changed = changed
        self._keys: dict[str, ApiKey] | None = None
        self._used: dict[str, datetime] = {}

    def find(self, token: str) -> ApiKey | None:
        """The key that a token is of, None where it is of none that counts now.

        Raises:
            UnavailableError: the keys have not been read since the start of this process.
        """
        if self._keys is None:
            raise UnavailableError("the API keys are not known yet")
        now = self._clock()
        key = self._keys.get(id_in(token) or "")
        if not is_right(key, token, now) or key is None:
            return None
        self._used[key.id] = now
        return key

    def counts(self, key_id: str) -> bool:
        """There is a key with that id, and it is neither expired nor revoked."""
        key = (self._keys or {}).get(key_id)
        return key is not None and state_of(key, self._clock()) == "active"

    async def run(self) -> None:
        """Follow the keys and note when they are used, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._note_uses())

    async def _follow(self) -> None:
        while True:
            try:
                async for keys in self._store().follow(quiet_s_max=_QUIET_S_MAX):
                    self._keys = keys
                    self._changed()
                    heed_cancel()
            except (KeyStoreError, UnavailableError) as error:
                heed_cancel()
                _log.warning("api_keys_away", error=str(error), retry_in_s=_AGAIN_S)
                await asyncio.sleep(_AGAIN_S)

    async def note_uses(self) -> None:
        """Write down when each key was used last, since the last time that this was done."""
        used, self._used = self._used, {}
        for key_id, at in used.items():
            heed_cancel()
            try:
                await self._store().mark_used(key_id, at)
            except (KeyStoreError, UnavailableError) as error:
                _log.warning("api_key_use_not_noted", key_id=key_id, error=str(error))

    async def _note_uses(self) -> None:
        while True:
            await asyncio.sleep(_NOTE_USE_S)
            await self.note_uses()
