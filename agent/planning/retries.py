"""When a call to a language model that failed is worth another try, and how long to wait before it.

Pure.  Source: https://platform.claude.com/docs/en/api/errors, and the rules of the `anthropic` client.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TRIES_MAX: Final = 4
_FIRST_WAIT_S: Final = 0.5
_WAIT_S_MAX: Final = 8.0
_BUSY: Final = frozenset({408, 409, 429})


def is_passing(status: int, headers: Mapping[str, str]) -> bool:
    """Whether a status tells of a trouble that may pass; the server's own word counts most."""
    said = headers.get("x-should-retry")
    if said in {"true", "false"}:
        return said == "true"
    return status in _BUSY or status >= 500


def asked_wait_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """The seconds that a server asks to wait, None where it does not; `now_s` is the time since 1970."""
    said = headers.get("retry-after", "").strip()
    if not said:
        return None
    try:
        wait_s = float(said)
    except ValueError:
        try:
            wait_s = parsedate_to_datetime(said).timestamp() - now_s
        except ValueError:
            return None
    return wait_s if 0.0 <= wait_s < float("inf") else None


def wait_before_s(tried: int, asked_s: float | None) -> float | None:
    """How long to wait after `tried` tries; None where that were enough.

    What the server asked for counts; else the pause doubles from try to try.
    """
    if tried >= TRIES_MAX:
        return None
    doubled: float = _FIRST_WAIT_S * 2 ** (tried - 1)
    return asked_s if asked_s is not None else min(_WAIT_S_MAX, doubled)
