"""Unpacks what a competition ships as zip files, and trusts nothing that is written inside them.

An archive's own words (names, sizes) are claims: every byte is counted as it is written, and a name that
would leave the target folder is refused before anything of that archive is written.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Final

import msgspec

from agent.errors import CompetitionError

_CHUNK_BYTES: Final = 1 << 20
_IGNORED_FOLDERS: Final = frozenset({"__MACOSX"})
_IGNORED_NAMES: Final = frozenset({".DS_Store"})


class ArchiveLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How far an archive may grow before it is taken for an attack.

    `bytes_max` and `members_max` hold for an archive and all that is nested in it.  `ratio_max` (bytes out
    for a byte in) is applied to members above `ratio_from_bytes` only: a small file of zeros is harmless
    and compresses a thousandfold.
    """

    bytes_max: int = 20 * 10**9
    members_max: int = 200_000
    ratio_max: int = 250
    ratio_from_bytes: int = 64 * 10**6
    depth_max: int = 3


def inner_path(name: str) -> PurePosixPath:
    """The relative path that `name` (of an archive's member, or of a file on a server) stands for.

    Raises CompetitionError ``archive_refused`` where it is absolute, climbs by ``..``, or is no path.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    drive = bool(path.parts) and path.parts[0].endswith(":")
    if not path.parts or path.is_absolute() or drive or ".." in path.parts or "\0" in name:
        raise _refused(f"the name {name[:200]!r} points outside the data folder")
    return path


def unpack(archive: Path, limits: ArchiveLimits) -> tuple[Path, ...]:
    """Unpack the zip `archive` beside itself, then the zips found inside it, and delete each when done.

    Members land in the archive's own folder, or, where one of them would replace a file that is there
    already, all of them in a new folder named after the archive.  Returns the files written, sorted.

    Raises CompetitionError ``archive_refused`` (a path outside, a link, encryption, too big, too deep) or
    ``archive_damaged`` (retryable: a second download may be whole).
    """
    budget = _Budget(limits)
    written: list[Path] = []
    waiting = [(archive, 1)]
    while waiting:
        current, depth = waiting.pop()
        if depth > limits.depth_max:
            raise _refused(f"{current.name} is nested deeper than {limits.depth_max} archives")
        for path in _unpack_one(current, budget):
            if path.suffix.lower() == ".zip" and zipfile.is_zipfile(path):
                waiting.append((path, depth + 1))
            else:
                written.append(path)
        current.unlink()
    return tuple(sorted(written))


class _Budget:
    """What is left of the limits; the one thing here that changes."""

    def __init__(self, limits: ArchiveLimits) -> None:
        self.limits = limits
        self._bytes_left = limits.bytes_max
        self._members_left = limits.members_max

    def take_members(self, count: int, where: str) -> None:
        self._members_left -= count
        if self._members_left < 0:
            raise _refused(f"{where} holds more than {self.limits.members_max} files")

    def take_bytes(self, count: int, where: str) -> None:
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise _refused(f"{where} unpacks to more than {self.limits.bytes_max} bytes")


def _unpack_one(archive: Path, budget: _Budget) -> list[Path]:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [(member, path) for member in opened.infolist() if (path := _wanted(member))]
            budget.take_members(len(members), archive.name)
            target = _target(archive, [path for _, path in members])
            return [_write(opened, member, target / path, budget) for member, path in members]
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        message = f"{archive.name} is not a whole zip file ({error}); it may have been cut on its way."
        raise CompetitionError("archive_damaged", message, retryable=True) from error
    except (NotImplementedError, RuntimeError) as error:  # unknown compression; encrypted without a password
        raise _refused(f"{archive.name} cannot be unpacked: {error}") from error


def _wanted(member: zipfile.ZipInfo) -> PurePosixPath | None:
    """Where a member goes, or None for a folder and for what a Mac leaves behind."""
    path = inner_path(member.filename)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused(f"the member {member.filename[:200]!r} is a link or a device")
    ignored = path.parts[0] in _IGNORED_FOLDERS or path.name in _IGNORED_NAMES
    return None if member.is_dir() or ignored else path


def _target(archive: Path, paths: list[PurePosixPath]) -> Path:
    if not any((archive.parent / path).exists() for path in paths):
        return archive.parent
    target = archive.with_suffix("")
    if target.exists():
        raise _refused(f"{archive.name} would replace files that are there already")
    return target


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, budget: _Budget) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sink = path.open("xb")
    except (FileExistsError, NotADirectoryError) as error:
        raise _refused(f"two members want the name {member.filename[:200]!r}") from error
    with sink, opened.open(member) as source:
        _copy(source, sink, member, budget)
    return path


def _copy(source: IO[bytes], sink: IO[bytes], member: zipfile.ZipInfo, budget: _Budget) -> None:
    limits = budget.limits
    total = 0
    while chunk := source.read(_CHUNK_BYTES):
        total += len(chunk)
        budget.take_bytes(len(chunk), member.filename)
        if total > limits.ratio_from_bytes and total > limits.ratio_max * max(1, member.compress_size):
            raise _refused(f"{member.filename} grows more than {limits.ratio_max} times: a zip bomb")
        sink.write(chunk)


def _refused(what: str) -> CompetitionError:
    message = f"The competition's archive was refused: {what}."
    return CompetitionError("archive_refused", message)
