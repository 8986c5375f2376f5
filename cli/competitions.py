"""Competitions as folders: the bundled ones, and a user's own, put where a stack on this machine looks."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.embedded.parts import ROOT
from podium.errors import UsageError

if TYPE_CHECKING:
    from cli.embedded.home import Home

BUNDLED: Final = ROOT / "competitions"
_LAYOUTS: Final = ("public", "prepared/public")
"""Where MLE-bench keeps what a competitor may see: in a competition's folder, or in its cached one."""

_PARTS: Final = frozenset({"public", "prepared"})
"""Folders inside a competition's folder, which do not give it its name."""

_HIDDEN: Final = ("private", ".*")
_HINT: Final = "Give a folder with train.csv, test.csv and the sample submission, or with public/ in it."


def slug_of(name: str) -> str:
    """A folder's name as a competition's: ``My_Data 2`` is ``my-data-2``.

    Raises:
        UsageError: nothing is left of it.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not slug:
        raise UsageError(f"A folder called {name!r} gives no name for a competition.", hint="Rename it.")
    return slug


def competition_of(folder: Path) -> str:
    """The slug of a competition from its folder, or from a part of it (`public/`).

    Raises:
        UsageError: see `slug_of`.
    """
    own = folder.resolve()
    while own.name in _PARTS:
        own = own.parent
    return slug_of(own.name)


def public_of(folder: Path) -> Path:
    """The part of a competition's folder that a competitor may see: its `public/`, or all of it.

    Raises:
        UsageError: it is no folder, or there are no tables in it.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", hint=_HINT)
    public = next((folder / name for name in _LAYOUTS if (folder / name).is_dir()), folder)
    if not any(path.is_file() and not path.name.startswith(".") for path in public.iterdir()):
        raise UsageError(f"There are no files in {public}.", hint=_HINT)
    return public


def place(folder: Path, home: Home) -> str:
    """Copy a competition's public files to where the stack looks for them; its slug.

    Raises:
        UsageError: see `slug_of` and `public_of`.
    """
    slug = competition_of(folder)
    public = public_of(folder)
    target = home.competitions / slug / "public"
    fresh, stale = target.with_name("public.new"), target.with_name("public.old")
    for leftover in (fresh, stale):
        shutil.rmtree(leftover, ignore_errors=True)
    ignore = shutil.ignore_patterns(*_HIDDEN)
    shutil.copytree(
        public, fresh, ignore=lambda at, names: ignore(at, names) if Path(at) == public else set()
    )
    if target.exists():
        target.rename(stale)
    fresh.rename(target)
    shutil.rmtree(stale, ignore_errors=True)
    return slug


def place_bundled(home: Home) -> None:
    """Put Podium's own examples where the stack looks for them."""
    for meta in sorted(BUNDLED.glob("*/meta.json")):
        place(meta.parent, home)
