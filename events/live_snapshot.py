"""Live jobs as bytes, with the log that they were folded from and the code that folded them.

A snapshot is of use only to code that would have folded the same: it names its code by a digest that nobody
has to remember to change, made of the modules that fold, without their comments and docstrings.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import zlib
from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec

from events import catalogue, job, live, progress, recorded, state, stored, subjects, upcasting
from events.live import LiveState

if TYPE_CHECKING:
    from types import ModuleType

    from events.log import Extent

FOLDED_BY: Final[tuple[ModuleType, ...]] = (
    catalogue,
    job,
    state,
    live,
    progress,
    recorded,
    stored,
    subjects,
    upcasting,
)
"""The modules that say what a log's live jobs are."""

_QUICKLY: Final = 1


class SnapshotError(Exception):
    """Bytes that are no snapshot, or one of other code or another log; the message says which."""


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is read once it is known to be of this code."""

    folded_by: str
    log: str
    state: msgspec.Raw


_envelopes: Final = msgspec.msgpack.Decoder(_Envelope)
_states: Final = msgspec.msgpack.Decoder(LiveState)
_encoder: Final = msgspec.msgpack.Encoder()


@cache
def fold_version() -> str:
    """The digest of the code that folds: the same where comments, docstrings and layout alone differ."""
    digest = hashlib.sha256()
    for module in FOLDED_BY:
        digest.update(f"{module.__name__}\n{_meaning(inspect.getsource(module))}\n".encode())
    return digest.hexdigest()


def encode(state: LiveState, *, log: str) -> bytes:
    """The state of a log's live jobs as a snapshot; `log` is the identity of the log."""
    inner = msgspec.Raw(_encoder.encode(state))
    envelope = _Envelope(folded_by=fold_version(), log=log, state=inner)
    return zlib.compress(_encoder.encode(envelope), _QUICKLY)


def decode(data: bytes, extent: Extent) -> LiveState:
    """The state in a snapshot of the log that has `extent`.

    Whether the log still has the event of that sequence with that id is for the caller to see.

    Raises:
        SnapshotError: it is no snapshot, or of other code, of another log, or of more than the log holds.
    """
    try:
        envelope = _envelopes.decode(zlib.decompress(data))
        if envelope.folded_by != fold_version():
            raise SnapshotError("it was folded by another version of the code")
        if envelope.log != extent.identity:
            raise SnapshotError(f"it is of the log made at {envelope.log}, not of that of {extent.identity}")
        state = _states.decode(envelope.state)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise SnapshotError(f"it cannot be read: {error!r}") from error
    if state.sequence > extent.last:
        raise SnapshotError(f"it is of {state.sequence}, but the log ends at {extent.last}")
    return state


def _meaning(source: str) -> str:
    """The source's syntax tree as text, without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [one for one in node.body if not _is_text(one)]
    return ast.dump(tree)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
