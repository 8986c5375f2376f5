"""Pieces of a report's markup; all words that go in are escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def number(value: float) -> str:
    """A score with five significant digits."""
    return f"{value:.5g}"


def section(title: str, body: str) -> str:
    """A part of the page under its title; `body` is markup."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def bullets(lines: Sequence[str]) -> str:
    """Lines as a list."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and what they are, in two columns."""
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in pairs)
    return f'<div class="wide"><table class="facts">{cells}</table></div>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, chosen: int | None = None) -> str:
    """A table with titles; row number `chosen` stands out."""
    titles = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        ('<tr class="chosen">' if number == chosen else "<tr>")
        + "".join(f"<td>{escape(cell)}</td>" for cell in row)
        + "</tr>"
        for number, row in enumerate(rows)
    )
    return f'<div class="wide"><table><tr>{titles}</tr>{body}</table></div>'
