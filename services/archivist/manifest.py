"""What is in a backup: one file for each stream, with its digest, and what the log in it folds to."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from services.archivist.errors import ArchivistError
from services.archivist.folds import Folded
from services.archivist.snapshots import Shape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME: Final = "manifest.json"
"""Written last: a folder without it is no backup."""

_READ_BYTES: Final = 256 * 1024


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A stream in a backup: its file, that file's size and digest, and the stream's shape."""

    file: str
    bytes: int
    sha256: str
    shape: Shape


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All of a backup; `log` is what its log folds to, by which a restored one is judged."""

    format: Literal[1] = 1
    made_at: datetime
    log: Folded
    parts: tuple[Part, ...]


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup.

    Raises:
        ArchivistError: the folder holds none that can be read.
    """
    try:
        return msgspec.json.decode((folder / NAME).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise ArchivistError(f"{folder} is no backup, or one that was not finished: no {NAME}") from None
    except (OSError, msgspec.DecodeError) as error:
        raise ArchivistError(f"{folder / NAME} cannot be read: {error}") from error


def check_files(folder: Path, manifest: Manifest) -> None:
    """See that every file is as it was written.

    Raises:
        ArchivistError: one is missing, or has changed.
    """
    for part in manifest.parts:
        digest = hashlib.sha256()
        try:
            for chunk in chunks_of(folder / part.file):
                digest.update(chunk)
        except OSError as error:
            raise ArchivistError(f"{folder / part.file} cannot be read: {error.strerror}") from error
        if digest.hexdigest() != part.sha256:
            raise ArchivistError(f"{folder / part.file} is not as it was written: its digest differs")


def chunks_of(path: Path) -> Iterator[bytes]:
    """A file, piece by piece."""
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            yield chunk


def write_durably(path: Path, data: bytes) -> None:
    """A file that is on the disk, under its name and whole, or not there; nobody else can read it."""
    half = path.with_name(f"{path.name}.part")
    with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 - by descriptor
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let the names in a folder be on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
