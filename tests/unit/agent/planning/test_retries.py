"""Which failed calls are tried again, and after how long."""

from __future__ import annotations

import pytest

from agent.planning.retries import TRIES_MAX, asked_wait_s, is_passing, wait_before_s


@pytest.mark.parametrize(
    ("status", "passing"),
    [(429, True), (529, True), (500, True), (408, True), (400, False), (401, False), (404, False)],
)
def test_trouble_that_may_pass(status: int, passing: bool) -> None:
    assert is_passing(status, {}) is passing
    assert is_passing(status, {"x-should-retry": "true"})
    assert not is_passing(status, {"x-should-retry": "false"})


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("soon", None),
        ("-3", None),
        ("nan", None),
        ("", None),
    ],
)
def test_what_the_server_asks_for(said: str, wait_s: float | None) -> None:
    assert asked_wait_s({"retry-after": said}, now_s=10.0) == wait_s


def test_pauses_double_and_end() -> None:
    assert [wait_before_s(tried, None) for tried in range(1, TRIES_MAX + 1)] == [0.5, 1.0, 2.0, None]
    assert wait_before_s(1, 20.0) == 20.0
    assert wait_before_s(TRIES_MAX, 20.0) is None
