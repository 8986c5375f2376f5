"""`podium keys`: a key is shown once, listed without itself, and revoked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner, Result

from cli.__main__ import podium
from services.api_keys import id_in

if TYPE_CHECKING:
    import pytest

    from tests.servers import NatsServer


def test_a_key_is_made_listed_and_revoked(nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", nats_server.url)

    def run(*words: str) -> Result:
        return CliRunner().invoke(podium, ["keys", *words])

    def listed(key_id: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(run("list", "--json").stdout)
        return next(key for key in found if key["id"] == key_id)

    made = run("create", "--name", "ci", "--scope", "read", "--days", "1")
    assert made.exit_code == 0, made.output
    token = made.stdout.splitlines()[0]
    key_id = id_in(token)
    assert key_id is not None
    before = listed(key_id)
    assert (before["name"], before["scopes"], before["state"]) == ("ci", "read", "active")
    assert before["expires"] is not None
    assert token not in run("list").stdout
    assert f"Key {key_id} (ci) is revoked." in run("revoke", key_id).stdout
    assert listed(key_id)["state"] == "revoked"
    boss = json.loads(run("create", "--name", "ops", "--admin", "--json").stdout)
    assert boss["scopes"] == ["admin"]


def test_what_cannot_be_done_is_said(nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", nats_server.url)
    for words in (
        ("revoke", "0123456789ab"),
        ("revoke", "no such key"),
        ("create", "--name", "a\nb"),
        ("create", "--name", "x", "--admin", "--scope", "read"),
    ):
        ended = CliRunner().invoke(podium, ["keys", *words])
        assert type(ended.exception).__name__ == "UsageError", words
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:1")
    assert type(CliRunner().invoke(podium, ["keys", "list"]).exception).__name__ == "StackError"
