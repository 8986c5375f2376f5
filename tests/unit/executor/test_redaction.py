"""No secret passes into a log or an event, and what is none stays as it was."""

from __future__ import annotations

import time

import pytest

from services.executor.lines import printable
from services.executor.redaction import redacted


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("key is abc/123+x.", "key is [secret]."),
        ("GET /?k=abc%2F123%2Bx", "GET /?k=[secret]"),
        ("sk-ant-api03-AAAAAAAAAAAAAAAAAAAAAAAA said no", "[secret] said no"),
        ("Authorization: Bearer eyabc.def-123_456", "Authorization: Bearer [secret]"),
        ("authorization: basic dXNlcjpwYXNzd29yZA==", "authorization: basic [secret]"),
        ("postgresql://podium:hunter2hunter2@db:5432/podium", "postgresql://podium:[secret]@db:5432/podium"),
        ("redis://:hunter2@cache", "redis://:[secret]@cache"),
        ('{"key":"x","api_key": "0123456789abcdef"}', '{"key":"x","api_key": "[secret]"}'),
        ("KAGGLE_KEY=0123456789abcdef0123", "KAGGLE_KEY=[secret]"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "[secret]"),
        ("AKIAIOSFODNN7EXAMPLE", "[secret]"),
    ],
)  # fmt: skip
def test_secrets_go(text: str, left: str) -> None:
    assert redacted(text, ["abc/123+x"]) == left


@pytest.mark.parametrize(
    "text",
    [
        "fold 3 of 5: auc 0.8123",
        "the key column is PassengerId",
        "token counts: 12 of 40",
        "see https://www.kaggle.com/competitions/titanic",
        "12:30:45 at user@host",
        "task-force basic training",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text, ["abc/123+x"]) == text


def test_the_longer_of_two_secrets_goes_first() -> None:
    assert redacted("x abcdef y", ["abc", "abcdef"]) == "x [secret] y"


def test_a_secret_is_found_where_terminal_commands_stand_in_it_and_past_the_cut() -> None:
    assert printable("abc\x1b[31mdef", chars_max=50, secrets=["abcdef"]) == "[secret]"
    long = "x" * 38 + "abcdef"
    assert "abc" not in printable(long, chars_max=40, secrets=["abcdef"])
    assert "abc" not in printable("\x00" * 155 + "abcdef", chars_max=40, secrets=["abcdef"])


@pytest.mark.parametrize("piece", ["eyJ-", "a.", "a://", "secret_", "Basic ", "sk-", "key=", "x@:"])
def test_a_hostile_line_takes_no_time(piece: str) -> None:
    line = piece * (65536 // len(piece))
    began = time.process_time()
    printable(line, chars_max=2000, secrets=["abcdef"])
    assert time.process_time() - began < 0.5
