"""The secrets that webhooks are signed with, in a NATS key-value bucket: one for each API key.

They lie there as they are, since signing needs them: whoever can read NATS can forge a webhook.
"""

from __future__ import annotations

import base64
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from nats.errors import Error as NatsError
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError

from events.log import ConflictError, UnavailableError
from services.key_value import ensure_key_value

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

BUCKET: Final = "webhook-secrets"
OVERLAP: Final = timedelta(days=1)
"""So long the secret before the newest one goes on signing, too."""

_BYTES: Final = 32
_ANSWER_S: Final = 5.0
_NOBODYS: Final = "none"


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """The newest secret and the one before it, each ``whsec_`` and base64, as Standard Webhooks has them."""

    newest: str
    before: str | None
    changed_at: Annotated[datetime, msgspec.Meta(tz=True)]

    def in_use(self, now: datetime) -> tuple[str, ...]:
        """Those that sign now."""
        if self.before is None or now - self.changed_at >= OVERLAP:
            return (self.newest,)
        return self.newest, self.before


async def ensure_secret_bucket(js: JetStreamContext, *, replicas: int = 1) -> None:
    """Make the bucket where there is none."""
    await ensure_key_value(js, BUCKET, replicas=replicas)


class WebhookSecrets:
    """The bucket, over a connection; an owner is the id of an API key, None where there are none."""

    def __init__(self, connection: Client) -> None:
        self._js = connection.jetstream(timeout=_ANSWER_S)

    async def of(self, owner: str | None) -> Secrets | None:
        """Those of an owner, None where it has made none.

        Raises:
            UnavailableError: the server did not answer.
        """
        return (await self._read(owner))[0]

    async def renew(self, owner: str | None, now: datetime) -> str:
        """A new secret for an owner.

        Raises:
            ConflictError: another one was made meanwhile.
            UnavailableError: the server did not answer.
        """
        before, revision = await self._read(owner)
        newest = "whsec_" + base64.b64encode(secrets.token_bytes(_BYTES)).decode()
        held = Secrets(newest=newest, before=before.newest if before else None, changed_at=now)
        try:
            bucket = await self._js.key_value(BUCKET)
            await bucket.update(owner or _NOBODYS, msgspec.json.encode(held), last=revision)
        except KeyWrongLastSequenceError as error:
            raise ConflictError("another secret was made meanwhile") from error
        except (NatsError, TimeoutError, OSError) as error:
            raise UnavailableError(f"the bucket of secrets does not answer: {error!r}") from error
        return newest

    async def _read(self, owner: str | None) -> tuple[Secrets | None, int]:
        try:
            entry = await (await self._js.key_value(BUCKET)).get(owner or _NOBODYS)
        except KeyNotFoundError as error:
            # One that was deleted leaves a mark, which has a revision too.
            return None, (error.entry.revision or 0) if error.entry else 0
        except (NatsError, TimeoutError, OSError) as error:
            raise UnavailableError(f"the bucket of secrets does not answer: {error!r}") from error
        return msgspec.json.decode(entry.value or b"", type=Secrets), entry.revision or 0
