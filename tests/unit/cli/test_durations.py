from __future__ import annotations

import pytest

from cli.durations import parse_duration_s, show_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10m", 600), ("90", 90), ("90s", 90), ("1h30m", 5400), (" 2H ", 7200), ("1m30s", 90)],
)
def test_times_are_read(text: str, seconds: int):
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "ten", "1.5h", "-5m", "5 m", "10x", "m"])
def test_what_is_no_time_is_refused(text: str):
    with pytest.raises(ValueError, match="no span of time"):
        parse_duration_s(text)


def test_times_are_shown():
    assert [show_duration(seconds) for seconds in (-1, 7.9, 754, 3723)] == [
        "0:00",
        "0:07",
        "12:34",
        "1:02:03",
    ]
