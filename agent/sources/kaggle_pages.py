"""A competition's pages, as Kaggle's API gives them, as one text for people and for the analysis."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOCKS: Final = frozenset(
    {"p", "div", "br", "li", "ul", "ol", "table", "tr", "pre", "h1", "h2", "h3", "h4", "h5", "h6"}
)
_SILENT: Final = frozenset({"script", "style"})
_WANTED: Final = ("description", "evaluation", "data-description", "data")
"""The pages that say what is asked, in the order of a reader; rules, prizes and the like are left out."""


def as_markdown(title: str, subtitle: str | None, pages: Sequence[tuple[str, str]]) -> str | None:
    """One text of those `pages` (name, text) that say what is asked, or None if none do."""
    named = {name.strip().lower(): content for name, content in pages if content.strip()}
    parts = [
        f"## {name.replace('-', ' ').capitalize()}\n\n{named[name].strip()}"
        for name in _WANTED
        if name in named
    ]
    if not parts and not subtitle:
        return None
    return "\n\n".join([f"# {title}", *([subtitle] if subtitle else []), *parts]) + "\n"


def plain(content: str) -> str:
    """`content` with its HTML tags taken away: blocks on lines of their own, list items as ``- ``."""
    reader = _Reader()
    reader.feed(content)
    reader.close()
    lines = (line.rstrip() for line in "".join(reader.pieces).splitlines())
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - theirs
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BLOCKS:
            self.pieces.append("\n- " if tag == "li" else "\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS and tag != "li":
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(data)
