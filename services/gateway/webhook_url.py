"""What an address for webhooks looks like; where it leads is checked as it is connected to.  Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

CHARS_MAX: Final = 2000

_NAME: Final = "[A-Za-z0-9._-]+"
_IPV6: Final = r"\[(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}\]"
_PORT: Final = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
PATTERN: Final = rf'^https?://(?:{_NAME}|{_IPV6})(?::(?:{_PORT}))?(?:[/?][!-"$-~]*)?$'
"""For the OpenAPI document; IPv6 addresses with ``::`` are taken, too."""


def problem_of(url: str) -> str | None:
    """Why the text cannot be such an address; None where it can."""
    if len(url) > CHARS_MAX:
        return f"has more than {CHARS_MAX} characters"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "holds characters that no address has"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not an address"
    if parts.scheme not in {"http", "https"}:
        return "does not start with https:// or http://"
    if not parts.hostname or port == 0:
        return "names no host and port"
    if "@" in parts.netloc:
        return "holds a name or a password; it is stored with the job for all who may see it"
    if parts.fragment:
        return "has a part after #, which is never sent"
    if "::" not in parts.netloc and not re.fullmatch(PATTERN, url):
        return "names no host and port as addresses do"
    return None
