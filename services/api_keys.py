"""API keys, purely: what is kept of one, how a token is told from a forged one, and what it may do.

A token is ``pk_<id>_<secret>``.  Its secret is 256 random bits, so a plain SHA-256 of it is enough: there
is no dictionary to try, and what a slow hash adds to 2^256 guesses is nothing but work for every request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias, get_args

import msgspec

Scope: TypeAlias = Literal["submit", "read", "cancel", "admin"]

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
USUAL: Final[tuple[Scope, ...]] = ("submit", "read", "cancel")
"""What somebody needs who runs jobs of their own."""

NAME_CHARS_MAX: Final = 100
SECRET_BYTES: Final = 32
ID_BYTES: Final = 6

_TOKEN: Final = re.compile(r"pk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NOBODYS: Final = "0" * 64

_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a key: `sha256` is that of its whole token, in hex; the token itself nobody keeps."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    sha256: str
    created_at: _Time
    expires_at: _Time | None = None
    revoked_at: _Time | None = None

    @property
    def is_admin(self) -> bool:
        """It may do everything, with everybody's jobs."""
        return "admin" in self.scopes


def token_of(key_id: str, secret: str) -> str:
    """The token of a key: `key_id` is 12 hex digits, `secret` 43 characters of base64url (256 bits)."""
    return f"pk_{key_id}_{secret}"


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def id_in(token: str) -> str | None:
    """The id of the key that a token says it is of; None where it is no token at all."""
    found = _TOKEN.fullmatch(token)
    return found[1] if found else None


def is_right(key: ApiKey | None, token: str, now: datetime) -> bool:
    """The token is that of the key, which counts still.

    A key that is not there takes as long as a wrong token.
    """
    same = hmac.compare_digest(key.sha256 if key else _NOBODYS, digest_of(token))
    return same and key is not None and state_of(key, now) == "active"


def state_of(key: ApiKey, now: datetime) -> Literal["active", "expired", "revoked"]:
    """Whether a key counts, or why it does not."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "active"
