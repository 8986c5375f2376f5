"""Events in files: lines of JSON, plain or compressed by zstd, checked by the digest that lies beside them.

``FILE.sha256`` is as ``sha256sum`` writes and checks it.  A compressed file without one is checked all the
same, by the checksum within.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

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
        BrokenArchiveError: what was compressed was changed or cut off.
    """
    with path.open("rb") as file:
        compressed = file.read(len(_MAGIC)) == _MAGIC
        file.seek(0)
        if compressed:
            yield from _lines(_decompressed(file, path))
        else:
            yield from file


def _decompressed(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """What is in all frames of a file; the library's own reader does not tell the end from a cut."""
    import zstandard  # noqa: PLC0415 - a plain log is read without

    frame = zstandard.ZstdDecompressor().decompressobj()
    try:
        while chunk := file.read(_READ_BYTES):
            while chunk:
                if frame.eof:
                    frame = zstandard.ZstdDecompressor().decompressobj()
                yield frame.decompress(chunk)
                chunk = frame.unused_data if frame.eof else b""
    except zstandard.ZstdError as error:
        raise BrokenArchiveError(f"{path} is damaged: {error}") from error
    if not frame.eof:
        raise BrokenArchiveError(f"{path} was cut off")


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line + b"\n"
    if rest:
        yield rest
