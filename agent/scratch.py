"""A folder for a script that nobody vouches for; only plain files of bounded size are carried out."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER_BYTES_MAX: Final = 1024**3
ENTRIES_MAX: Final = 10_000
_FILES_MAX: Final = 64
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


@contextmanager
def scratch_for(results: Path) -> Iterator[Path]:
    """A fresh folder under TMPDIR for a script to fill; at the end its plain files are in `results`.

    Links, pipes, folders and whatever is too large stay behind and are deleted.  The script must be gone
    by the end of the block.
    """
    folder = Path(tempfile.mkdtemp(prefix="script-"))
    try:
        yield folder
        _carry(folder, results)
    finally:
        remove_tree(folder)


def usage(folder: Path) -> tuple[int, int]:
    """The bytes that a folder takes on its disk, and its entries (those of the first ENTRIES_MAX)."""
    used = entries = 0
    waiting = [os.fspath(folder)]
    while waiting:
        # The script is at work in there: what has gone by the time it is looked at counts for nothing.
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as found:
            for entry in found:
                entries += 1
                if entries > ENTRIES_MAX:
                    return used, entries
                with contextlib.suppress(OSError):
                    used += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return used, entries


def remove_tree(folder: Path) -> None:
    """Delete a folder however deep it is, with one descriptor open at a time.

    The library's own `rmtree` goes down by recursion, and fails some hundred folders down.
    """
    trail: list[str] = []
    here = os.open(folder, _FOLDER)
    while True:
        below = _emptied(here)
        if below is not None:
            os.chmod(below, stat.S_IRWXU, dir_fd=here)
            there = os.open(below, _FOLDER, dir_fd=here)
            trail.append(below)
        elif trail:
            there = os.open("..", _FOLDER, dir_fd=here)
            os.rmdir(trail.pop(), dir_fd=there)
        else:
            break
        os.close(here)
        here = there
    os.close(here)
    folder.rmdir()


def _emptied(folder: int) -> str | None:
    """Delete what is no folder in here, up to the first one that is; its name."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                return entry.name
            os.unlink(entry.name, dir_fd=folder)
    return None


def _carry(folder: Path, results: Path) -> None:
    left = FOLDER_BYTES_MAX
    plain = [name for name in sorted(os.listdir(folder)) if _PLAIN_NAME.fullmatch(name)]  # noqa: PTH208
    names = [name for name in plain if stat.S_ISREG((folder / name).lstat().st_mode)]
    for name in names[:_FILES_MAX]:
        # By descriptor: what is copied is what was looked at.
        opened = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(opened, "rb") as source:  # noqa: PTH123 there is no path: it was opened by descriptor
            found = os.fstat(opened)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size > left:
                continue
            left -= found.st_size
            with (results / name).open("wb") as target:
                shutil.copyfileobj(source, target)
