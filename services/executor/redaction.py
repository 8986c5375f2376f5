"""Takes secrets out of a text: those that this executor knows, and whatever has the shape of one.  Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

MARK: Final = "[secret]"

# What keys begin with: Anthropic and OpenAI, GitHub, AWS, Slack, Google, Kaggle; and JSON web tokens.
_KEYS: Final = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{30,}|KGAT_[A-Za-z0-9]{16,}"
    r"|eyJ[A-Za-z0-9_-]{8,500}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})"
)
_CREDENTIALS: Final = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{16,}", re.IGNORECASE)
_IN_URL: Final = re.compile(r"\b([a-z][a-z0-9+.-]{0,20}://[^\s/:@]{0,200}):[^\s/@]{1,500}@", re.IGNORECASE)
_ASSIGNED: Final = re.compile(
    r"\b((?:\w*[_-])?(?:api[_-]?key|secret|password|passwd|token|access[_-]?key|kaggle[_-]key)"
    r"[\"']?\s*[:=]\s*[\"']?)[^\s\"',;]{8,}",
    re.IGNORECASE,
)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with a mark in the place of every secret: of known values, and of what looks like a key."""
    text = without(text, secrets)
    text = _IN_URL.sub(rf"\1:{MARK}@", text)
    text = _CREDENTIALS.sub(rf"\1 {MARK}", text)
    return _ASSIGNED.sub(rf"\1{MARK}", _KEYS.sub(MARK, text))


def without(text: str, secrets: Iterable[str]) -> str:
    """The text with a mark in the place of each of these values, written plain or as in a URL."""
    forms = {form for secret in secrets if secret for form in (secret, quote(secret, safe=""))}
    # The longest first: a shorter one that it holds would leave the rest of it.
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MARK)
    return text
