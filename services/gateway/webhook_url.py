"""What an address for webhooks looks like; where it leads is checked as it is connected to.  Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

CHARS_MAX: Final = 2000


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
    return None
