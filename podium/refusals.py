"""What a gateway's answer means for whoever asked, or that there was none; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from podium.errors import GoneError, PodiumError, StackError, UsageError

if TYPE_CHECKING:
    import httpx

_T = TypeVar("_T")
_REFUSED: Final = frozenset({400, 403, 404, 409, 413, 415, 422})
_HINTS: Final = {
    403: "Use a key that may: `podium keys create --help` says what each lets its holder do.",
    404: "`podium jobs` lists the jobs that there are.",
}
_NO_KEY: Final = 401
_GONE: Final = 410
_TOO_MANY: Final = 429
_ACCOUNT: Final = re.compile(r"//[^/]*@")


class _Problem(msgspec.Struct, frozen=True, kw_only=True):
    detail: str = ""


def unreachable(url: str, error: httpx.TransportError) -> StackError:
    """No connection, or one that was lost; names no password that stands in the address."""
    shown = _ACCOUNT.sub("//", url)
    words = str(error) or type(error).__name__
    return StackError(
        f"The gateway at {shown} does not answer ({words}).",
        hint="Start a stack with `podium up`, or set PODIUM_URL to the address of one.",
    )


def understood(answer: bytes, kind: type[_T], *, url: str) -> _T:
    """What a gateway answered.

    Raises:
        StackError: it is something else: of another version, or no gateway at all.
    """
    try:
        return msgspec.json.decode(answer, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise misunderstood(url, error) from error


def misunderstood(url: str, error: Exception) -> StackError:
    """An answer of something else."""
    return StackError(
        f"What {_ACCOUNT.sub('//', url)} answers cannot be understood: {error}.",
        hint="It may be of another version: start the stack again, or take this client from its sources.",
    )


def refusal(answer: httpx.Response) -> PodiumError:
    """An answer that is none, in the gateway's own words; its body has been read."""
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except (msgspec.DecodeError, msgspec.ValidationError):
        problem = _Problem()
    words = problem.detail or answer.reason_phrase
    if answer.status_code == _NO_KEY:
        hint = "Set PODIUM_API_KEY; `podium keys create`, beside the gateway's NATS, makes a key."
        return UsageError(f"The gateway refused: {words}", hint=hint)
    if answer.status_code == _GONE:
        return GoneError(f"The gateway refused: {words}")
    if answer.status_code in _REFUSED:
        return UsageError(f"The gateway refused: {words}", hint=_HINTS.get(answer.status_code, ""))
    if answer.status_code == _TOO_MANY:
        wait = answer.headers.get("Retry-After", "a few")
        return PodiumError("The gateway takes no more requests now.", hint=f"Try again in {wait} seconds.")
    return StackError(f"The gateway cannot serve now: {words}", hint="Try again in a moment.")
