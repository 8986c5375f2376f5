"""One archive: the events of some jobs in a compressed file, on the disk before anybody relies on it."""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from events.archives import BrokenArchiveError, check_digest, digest_file, digest_of, lines_in
from events.job import fold
from events.lines import NotALineError, read_record, stored_line
from services.archivist.errors import ArchivistError
from services.archivist.manifest import sync_folder, write_durably

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from nats.aio.msg import Msg

    from events.job import Job
    from events.places import Place
    from events.recorded import Recorded

SUFFIX: Final = ".ndjson.zst"

_UNFINISHED: Final = "unfinished.part"
_LEVEL: Final = 12


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Be the only one who writes archives into a folder.

    Raises:
        ArchivistError: somebody else is at it, or nobody can write there.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a")
    except OSError as error:
        raise ArchivistError(f"{folder} cannot be written to: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchivistError(f"somebody else archives into {folder} now") from None
        yield


def write(folder: Path, messages: Sequence[tuple[Place, Msg]]) -> Path:
    """A file of these messages, with its digest beside it; it is named by days and by what is in it.

    The same messages make the same file, so what a run that was killed left is written over by the next.

    Raises:
        ArchivistError: it cannot be written.
    """
    import zstandard  # noqa: PLC0415 - `podium --help` loads this module, and needs no compression

    lines = b"".join(_line(place, message) for place, message in messages)
    data = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(lines)
    days = [f"{place.stored_at:%Y-%m-%d}" for place, _ in messages]
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f"{min(days)}_{max(days)}_{digest[:12]}{SUFFIX}"
    try:
        write_durably(digest_file(path), f"{digest}  {path.name}\n".encode())
        _write(folder / _UNFINISHED, data)
        (folder / _UNFINISHED).replace(path)
        sync_folder(folder)
    except OSError as error:
        raise ArchivistError(f"{path} cannot be written: {error.strerror}") from error
    return path


def check(path: Path, jobs: Mapping[str, Job]) -> str:
    """See that a file is whole and folds to these jobs, at least; its digest.

    Raises:
        ArchivistError: it does not.
    """
    found: dict[str, list[Recorded]] = {}
    try:
        check_digest(path)
        for line in lines_in(path):
            record = read_record(line)
            found.setdefault(record.event.job_id, []).append(record)
        digest = digest_of(path)
    except (BrokenArchiveError, NotALineError, OSError) as error:
        raise ArchivistError(f"{path} cannot be relied on: {error}") from error
    for job_id, job in jobs.items():
        if fold(found.get(job_id, ())) != job:
            raise ArchivistError(f"{path} does not fold to job {job_id} as the log does")
    return digest


def _line(place: Place, message: Msg) -> bytes:
    return stored_line(
        sequence=place.sequence,
        stored_at=place.stored_at,
        subject=message.subject,
        headers=message.headers or {},
        payload=message.data,
    )


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
