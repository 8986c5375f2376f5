"""Copy all that cannot be made again into a folder, while everything runs."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

import msgspec

from events import subjects
from services import delivery_log, key_store, webhook_secrets
from services.archivist.errors import ArchivistError
from services.archivist.folds import fold_log
from services.archivist.manifest import NAME, Manifest, Part, sync_folder, write_durably
from services.archivist.snapshots import shape_of, take

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from nats.aio.client import Client

# The log first: what the others hold more than it does no harm, and what it tells of is in them.
KEPT: Final = (
    subjects.STREAM,
    delivery_log.STREAM,
    subjects.DEAD_STREAM,
    f"KV_{key_store.BUCKET}",
    f"KV_{webhook_secrets.BUCKET}",
)
LEFT_BY_JOBS: Final = (f"OBJ_{subjects.ARTIFACT_BUCKET}", subjects.LOG_STREAM)
"""The files that jobs made, and what their agents wrote: large, and not needed to know what happened."""

_SUFFIX: Final = ".stream"


async def back_up(
    connection: Client, folder: Path, *, artifacts: bool, now: datetime, tell: Callable[[str], None]
) -> Manifest:
    """Make a backup in a folder that is not there yet.

    Raises:
        ArchivistError: the folder is there, there is no log, or it could not be done: what is in the folder
            then is no backup.
    """
    if await shape_of(connection, subjects.STREAM) is None:
        raise ArchivistError("There is no log there: nothing to back up")
    _make(folder)
    parts = []
    for stream in KEPT + (LEFT_BY_JOBS if artifacts else ()):
        if await shape_of(connection, stream) is not None:
            tell(f"copying {stream}")
            parts.append(await _copy(connection, stream, folder))
    log = parts[0].shape.holds
    folded = await fold_log(
        connection, up_to=log.last_seq, tell=lambda at: tell(f"folding {at:,} of {log.last_seq:,}")
    )
    if folded.messages != log.messages:
        raise ArchivistError(
            f"the log has {folded.messages:,} events now where the copy has {log.messages:,}: jobs were"
            " archived meanwhile; remove the folder and begin again"
        )
    manifest = Manifest(made_at=now, log=folded, parts=tuple(parts))
    write_durably(folder / NAME, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    sync_folder(folder.parent)
    return manifest


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise ArchivistError(f"{folder} is there already: name a folder that is not") from None
    except OSError as error:
        raise ArchivistError(f"{folder} cannot be made: {error.strerror}") from error


async def _copy(connection: Client, stream: str, folder: Path) -> Part:
    path = folder / f"{stream}{_SUFFIX}"
    digest, size = hashlib.sha256(), 0
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:

            def write(chunk: bytes) -> None:
                nonlocal size
                size += len(chunk)
                digest.update(chunk)
                file.write(chunk)

            shape = await take(connection, stream, write)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ArchivistError(f"{path} cannot be written: {error.strerror or error}") from error
    return Part(file=path.name, bytes=size, sha256=digest.hexdigest(), shape=shape)
