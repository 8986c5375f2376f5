"""Which competition an address means: pure, and strict about everything that could mean something else."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from events.catalogue import Source

URL_CHARS_MAX: Final = 2048
SLUG_CHARS_MAX: Final = 100

_HOSTS: Final = frozenset({"kaggle.com", "www.kaggle.com"})
_REST: Final = "(?:/[A-Za-z0-9_-]*)*"
_PATH: Final = re.compile(r"/(?:c|competitions)/([^/]+)((?:/.*)?)")
_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_PRINTABLE_ASCII: Final = re.compile(r"[!-~]+")
_LOCAL: Final = "local:"
_NAME: Final = "[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"
_HOST: Final = "".join(f"[{letter.upper()}{letter}]" if letter != "." else r"\." for letter in "kaggle.com")
_PAGE: Final = (
    rf"[Hh][Tt][Tt][Pp][Ss]://(?:[Ww]{{3}}\.)?{_HOST}/(?:c|competitions)/{_NAME}{_REST}(?:[?#][!-\[\]-~]*)?"
)
_EXAMPLE: Final = "https://www.kaggle.com/competitions/titanic"


NAME_PATTERN: Final = rf"^ *(?:[^/]*//[^/]*/[^/]*/|{_LOCAL})[A-Za-z0-9-]{{1,{SLUG_CHARS_MAX}}}(?:[/?# ].*)?$"
"""For the OpenAPI document: the name in an address is not too long."""


def pattern(*, local_allowed: bool) -> str:
    """For the OpenAPI document: with `NAME_PATTERN`, the addresses that `parse` takes."""
    return rf"^ *(?:{_PAGE}|{_LOCAL}{_NAME}) *$" if local_allowed else f"^ *{_PAGE} *$"


class UrlError(ValueError):
    """The address is not that of a competition; the message tells the user what is wrong with it."""


class Competition(msgspec.Struct, frozen=True, kw_only=True):
    """A competition by its slug, where it comes from, and its address in the one form that is stored."""

    slug: str
    source: Source
    url: str


def parse(text: str, *, local_allowed: bool) -> Competition:
    """The competition at ``https://[www.]kaggle.com/(c|competitions)/<slug>…`` or ``local:<slug>``.

    A further path, a query and a fragment are dropped; upper case is lowered.

    Raises:
        UrlError: anything else, and ``local:`` where `local_allowed` is False.
    """
    text = text.strip(" ")
    if not text:
        raise UrlError(f"is empty; give an address such as {_EXAMPLE}")
    if len(text) > URL_CHARS_MAX:
        raise UrlError(f"is longer than {URL_CHARS_MAX} characters")
    if not _PRINTABLE_ASCII.fullmatch(text) or "\\" in text:
        raise UrlError("holds a blank, a backslash, a control character or a letter outside ASCII")
    if text.lower().startswith(_LOCAL):
        return _local(text[len(_LOCAL) :], allowed=local_allowed)
    return _kaggle(text)


def _local(name: str, *, allowed: bool) -> Competition:
    if not allowed:
        raise UrlError("names a local competition, but this server has no folder of competitions")
    slug = _slug(name)
    return Competition(slug=slug, source="local", url=f"{_LOCAL}{slug}")


def _kaggle(text: str) -> Competition:
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise UrlError(f"is not an address: {error}") from error
    if parts.scheme != "https":
        raise UrlError(f"does not start with https://; give an address such as {_EXAMPLE}")
    if parts.netloc.lower() not in _HOSTS:
        raise UrlError("is not on www.kaggle.com (without user name and port)")
    found = _PATH.fullmatch(parts.path)
    if found is None:
        raise UrlError(f"is not the page of a competition; give an address such as {_EXAMPLE}")
    if {".", ".."} & set(unquote(found[2]).split("/")):
        raise UrlError("holds '.' or '..' as a step of its path")
    if not re.fullmatch(_REST, found[2]):
        raise UrlError("holds a step of its path that no page of a competition has")
    slug = _slug(found[1])
    return Competition(slug=slug, source="kaggle", url=f"https://www.kaggle.com/competitions/{slug}")


def _slug(name: str) -> str:
    slug = name.lower()
    if len(slug) > SLUG_CHARS_MAX or not _SLUG.fullmatch(slug):
        raise UrlError(
            "names no competition: a name is made of letters, digits and single hyphens, "
            f"at most {SLUG_CHARS_MAX} of them"
        )
    return slug
