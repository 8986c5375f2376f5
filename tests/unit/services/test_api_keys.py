"""What counts as a key: the right token of a key that is neither expired nor revoked, and nothing near it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from services.api_keys import ApiKey, digest_of, id_in, is_right, state_of, token_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID, SECRET = "0123456789ab", "s" * 43
TOKEN = token_of(ID, SECRET)
KEY = ApiKey(id=ID, name="ci", scopes=("read",), sha256=digest_of(TOKEN), created_at=NOW)


def test_the_right_token_counts_until_it_expires_or_is_revoked() -> None:
    assert id_in(TOKEN) == ID
    assert is_right(KEY, TOKEN, NOW)
    ends = replace(KEY, expires_at=NOW + timedelta(seconds=1))
    assert is_right(ends, TOKEN, NOW)
    assert not is_right(ends, TOKEN, NOW + timedelta(seconds=1))
    assert not is_right(replace(KEY, revoked_at=NOW), TOKEN, NOW)
    assert [
        state_of(one, NOW) for one in (KEY, replace(KEY, revoked_at=NOW), replace(KEY, expires_at=NOW))
    ] == [
        "active",
        "revoked",
        "expired",
    ]


@pytest.mark.parametrize(
    "token",
    ["", "pk_", ID, TOKEN[:-1], TOKEN + "s", TOKEN.upper(), TOKEN[:-1] + "t", KEY.sha256, f" {TOKEN}"],
)
def test_no_other_token_does(token: str) -> None:
    assert not is_right(KEY, token, NOW)


def test_nobodys_token_is_right() -> None:
    assert not is_right(None, TOKEN, NOW)
