"""Ids of jobs: UUIDs of version 7, which hold the time they were made, or of version 8, made from a key.

Source: RFC 9562, sections 5.7 and 5.8.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from typing import Final
from uuid import UUID

_CANONICAL: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RANDOM_BITS: Final = 74


def uuid7(*, unix_ms: int, random: int) -> UUID:
    """The id of a millisecond since 1970 (48 bits) and a random number (74 bits)."""
    rand_a, rand_b = random >> 62, random & (1 << 62) - 1
    return UUID(int=unix_ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def new_job_id() -> str:
    """An id that nobody else has made."""
    return str(uuid7(unix_ms=time.time_ns() // 1_000_000, random=secrets.randbits(_RANDOM_BITS)))


def keyed_job_id(key: str, *, owner: str | None = None) -> str:
    """The one id of all requests of an owner with that idempotency key: a hash of both, for ever the same.

    `owner` is the id of an API key, None where nobody is asked for one.
    """
    of = b"" if owner is None else f" of {owner}".encode()
    digest = hashlib.sha256(b"podium job by idempotency key" + of + b"\0" + key.encode()).digest()
    number = int.from_bytes(digest[:16])
    number = number & ~(0xF << 76) | 0x8 << 76
    return str(UUID(int=number & ~(0b11 << 62) | 0b10 << 62))


def parse_job_id(text: str) -> str | None:
    """The id in its one stored form, or None where the text is not a UUID in groups of 8-4-4-4-12."""
    lowered = text.lower()
    return lowered if _CANONICAL.fullmatch(lowered) else None
