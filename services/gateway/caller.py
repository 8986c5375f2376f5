"""Who asks: what a key lets its holder do, and whose jobs it lets them see.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from services.api_keys import Scope

if TYPE_CHECKING:
    from services.api_keys import ApiKey

Access: TypeAlias = Scope | Literal["any", "open"]
"""What a route asks for: a scope, any key at all, or nothing."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever sent a request; `key_id` is None where nobody is asked for a key."""

    key_id: str | None
    scopes: tuple[Scope, ...]

    @property
    def sees_all(self) -> bool:
        """Jobs of others are there for it."""
        return "admin" in self.scopes

    @property
    def only_of(self) -> str | None:
        """Whose jobs are all there are for it; None where it sees those of everybody."""
        return None if self.sees_all else self.key_id

    def may(self, access: Access) -> bool:
        """It may use a route that asks for this."""
        return access in {"any", "open"} or access in self.scopes or "admin" in self.scopes


ANYONE: Final = Caller(key_id=None, scopes=("admin",))
"""Who asks where keys are off: everybody may do everything."""


def caller_with(key: ApiKey) -> Caller:
    """The holder of a key."""
    return Caller(key_id=key.id, scopes=key.scopes)
