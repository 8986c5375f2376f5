"""What the docstrings of the events say, for the generated pages: when each happens, and who writes it."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import msgspec

_WRITER: Final = re.compile(r"\s*Written by (?:the |that )?(\w+)(?:; (.*?))?\.(?=\s|$)", re.DOTALL)
_LINK: Final = re.compile(r"``?([^`]+)``?")


def writer_of(kind: type[msgspec.Struct]) -> str:
    """Who writes an event, as its docstring says it.

    Raises:
        ValueError: the docstring names nobody.
    """
    return described(kind)[1]


def described(kind: type[msgspec.Struct]) -> tuple[str, str]:
    """When an event happens and what its fields are, as one line of Markdown, and who writes it.

    Raises:
        ValueError: the docstring names nobody.
    """
    text = " ".join((inspect.getdoc(kind) or "").split())
    found = _WRITER.search(text)
    if found is None:
        raise ValueError(f"the docstring of {kind.__name__} does not say who writes it")
    rest = f" {found[2][0].upper()}{found[2][1:]}." if found[2] else ""
    return _LINK.sub(r"`\1`", text[: found.start()] + rest + text[found.end() :]), found[1]
