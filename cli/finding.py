"""One thing that `podium doctor` looked at, and what it says of it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

State: TypeAlias = Literal["ok", "lacking", "broken"]
"""``lacking``: works, but not as well or as safely as it could; ``broken``: what is needed does not work."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at: what was found, what that means, and how to mend it ("": nothing to mend)."""

    name: str
    state: State
    found: str
    meaning: str = ""
    remedy: str = ""


def ok(name: str, found: str) -> Finding:
    """All is well."""
    return Finding(name=name, state="ok", found=found)


def lacking(name: str, found: str, meaning: str, remedy: str) -> Finding:
    """It works, but not as well or as safely as it could."""
    return Finding(name=name, state="lacking", found=found, meaning=meaning, remedy=remedy)


def broken(name: str, found: str, meaning: str, remedy: str) -> Finding:
    """It is needed, and does not work."""
    return Finding(name=name, state="broken", found=found, meaning=meaning, remedy=remedy)
