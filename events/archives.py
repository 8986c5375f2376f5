"""Events in files: lines of JSON, plain or compressed by zstd, checked by the digest that lies beside them.

``FILE.sha256`` is as ``sha256sum`` writes and checks it.  A compressed file without one is checked all the
same, by the checksum within.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIGEST_SUFFIX: Final = ".sha256"

_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_READ_BYTES: Final = 1024**2


class BrokenArchiveError(Exception):
    """A file is not as it was written, or was cut off; the message says which."""


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def digest_file(path: Path) -> Path:
    """Where the digest of a file is kept."""
    return path.with_name(f"{path.name}{DIGEST_SUFFIX}")


def check_digest(path: Path) -> None:
    """See that a file is as it was written, where a digest lies beside it.

    Raises:
        BrokenArchiveError: it is not.
    """
    kept = digest_file(path)
    if kept.exists() and kept.read_text(encoding="utf-8").split()[:1] != [digest_of(path)]:
        raise BrokenArchiveError(f"{path} is not as it was written: {kept.name} holds another digest")


def lines_in(path: Path) -> Iterator[bytes]:
    """The lines of a file, plain or compressed, one after the other.

    Raises:
        BrokenArchiveError: what was compressed cannot be had back.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            file.seek(0)
            yield from file
            return
        import zstandard  # noqa: PLC0415 - a plain log is read without

        file.seek(0)
        with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as plain:
            try:
                yield from io.BufferedReader(plain, _READ_BYTES)
            except zstandard.ZstdError as error:
                raise BrokenArchiveError(f"{path} is damaged: {error}") from error
