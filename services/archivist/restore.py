"""Put a backup back into a NATS that holds nothing, and see that its log folds to what it did.

Events keep their sequences.  The stream is another one all the same (it was made now, which is its identity):
a projector whose rows are of the lost log folds nothing until they are rebuilt, see `events.log.Extent`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from events import copy, subjects
from services.archivist.errors import ArchivistError, NotEmptyError
from services.archivist.folds import fold_log
from services.archivist.manifest import check_files, chunks_of, read_manifest
from services.archivist.snapshots import put, readers_of, remove, shape_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nats.aio.client import Client

    from services.archivist.manifest import Manifest


async def restore(
    connection: Client, folder: Path, *, replicas: int, replace: bool, tell: Callable[[str], None]
) -> Manifest:
    """Put all of a backup back; with `replace` what is there is deleted first.

    Killed midway, the log is missing: run it again with `replace`.

    Raises:
        NotEmptyError: the target holds something, or somebody reads its log; nothing was changed.
        ArchivistError: the backup is not whole (nothing was changed), or it could not be put back.
    """
    manifest = read_manifest(folder)
    tell("checking the files")
    check_files(folder, manifest)
    names = [part.shape.config["name"] for part in manifest.parts]
    await _require_unused(connection, names, replace=replace)
    for stream in names:
        await remove(connection, stream)
    await copy.remove_copy(connection)
    # The log last: without it nothing else counts.
    for part in sorted(manifest.parts, key=lambda one: one.shape.config["name"] == subjects.STREAM):
        stream = part.shape.config["name"]
        tell(f"putting back {stream}")
        holds = await put(connection, part.shape, chunks_of(folder / part.file), replicas=replicas)
        # What is kept for a time only may have grown too old meanwhile; nothing of the log ever does.
        if holds.last_seq != part.shape.holds.last_seq:
            raise ArchivistError(f"{stream} holds {holds} now, and held {part.shape.holds}")
    await _check_fold(connection, manifest, tell)
    return manifest


async def _require_unused(connection: Client, names: list[str], *, replace: bool) -> None:
    for stream in names:
        found = await shape_of(connection, stream)
        if found is not None and found.holds.last_seq and not replace:
            raise NotEmptyError(f"The stream {stream} there has been written to already")
    readers = await readers_of(connection, subjects.STREAM)
    if readers:
        raise NotEmptyError(f"{readers} readers follow the log there: stop the services first")


async def _check_fold(connection: Client, manifest: Manifest, tell: Callable[[str], None]) -> None:
    wanted = manifest.log
    found = await fold_log(
        connection, up_to=wanted.last, tell=lambda at: tell(f"folding {at:,} of {wanted.last:,}")
    )
    if found != wanted:
        raise ArchivistError(f"all is put back, but the log folds to {found}, and should to {wanted}")
