"""Takes what a successful attempt left out of its sandbox and into the store, as untrusted input."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from events.job import Failure
from services.artifacts import ArtifactError
from services.executor.outcome import SUBMISSION, no_submission
from services.executor.runtime import FileMissingError, FileRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.catalogue import Artifact
    from services.executor.runtime import Sandbox

FILES_MAX: Final = 32
FILE_BYTES_MAX: Final = 128 * 1024**2
ALL_BYTES_MAX: Final = 256 * 1024**2
LOG: Final = "log.txt"
"""What the attempt's processes wrote, kept as long as the submission; their stream is not."""

_TRIES: Final = 6
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")

_log = structlog.get_logger(__name__)


class Store(Protocol):
    """Where artifacts go: `services.artifacts.ArtifactStore`, or a test's own."""

    async def put(self, *, job_id: str, attempt: int, name: str, data: bytes) -> Artifact:
        """Store a file and say where it is.

        Raises:
            ArtifactError: the store did not take it.
        """
        ...


def wanted(names: Sequence[str]) -> tuple[str, ...]:
    """The names to fetch: the submission first, then each other plain file name once, up to a limit."""
    plain = (name for name in names if name != LOG and _PLAIN_NAME.fullmatch(name))
    return tuple(dict.fromkeys((SUBMISSION, *plain)))[:FILES_MAX]


async def collect(
    sandbox: Sandbox,
    store: Store,
    names: Sequence[str],
    *,
    secrets: Sequence[str] = (),
    log: bytes = b"",
    pause_s: float = 1.0,
) -> tuple[Artifact, ...] | Failure:
    """Fetch and store the named files, and the `log` where there is one.

    A failure where there is no submission or something cannot be stored.  Another file that is missing or
    refused is left out, with a warning: the submission is worth more.  A file that holds one of `secrets`
    is refused.  `pause_s` is the first pause between tries to store; it doubles.

    Raises:
        SandboxError: the sandbox cannot be read now.
    """
    kept: list[Artifact] = []
    left = ALL_BYTES_MAX
    for skipped in sorted(set(names) - set(wanted(names))):
        _log.warning("artifact_left_out", name=skipped[:100], why="not a plain file name, or one too many")
    for name in wanted(names):
        try:
            data = await _read(sandbox, name, bytes_max=min(FILE_BYTES_MAX, left), secrets=secrets)
        except (FileMissingError, FileRefusedError) as error:
            if name == SUBMISSION:
                return no_submission() if isinstance(error, FileMissingError) else error.failure
            _log.warning("artifact_left_out", name=name, why=error.failure.message)
            continue
        left -= len(data)
        stored = await _put(store, sandbox, name, data, pause_s=pause_s)
        if isinstance(stored, Failure):
            return stored
        kept.append(stored)
    if log:
        stored = await _put(store, sandbox, LOG, log, pause_s=pause_s)
        if isinstance(stored, Failure):
            return stored
        kept.append(stored)
    return tuple(kept)


async def _read(sandbox: Sandbox, name: str, *, bytes_max: int, secrets: Sequence[str]) -> bytes:
    data = await sandbox.read(name, bytes_max=bytes_max)
    if any(secret.encode() in data for secret in secrets):
        raise FileRefusedError(name, "it holds a secret")
    return data


async def _put(
    store: Store, sandbox: Sandbox, name: str, data: bytes, *, pause_s: float
) -> Artifact | Failure:
    tries_left = _TRIES
    while True:
        try:
            return await store.put(job_id=sandbox.job_id, attempt=sandbox.attempt, name=name, data=data)
        except ArtifactError as error:
            _log.warning("artifact_not_stored", name=name, error=str(error))
            tries_left -= 1
            if not tries_left:
                message = f"The attempt's {name} could not be stored: {error}"
                return Failure(reason="artifacts_not_stored", message=message, retryable=True)
        await asyncio.sleep(pause_s)
        pause_s *= 2
