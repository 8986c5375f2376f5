"""What a browser is told of a file that generated code has made."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.gateway.file_headers import (
    RangeError,
    content_type,
    headers_of,
    is_current,
    is_known,
    part_of,
)
from tests.unit.gateway.histories import SUBMISSION


@pytest.mark.parametrize(
    ("name", "media_type", "disposition"),
    [
        ("submission.csv", "text/csv", 'attachment; filename="submission.csv"'),
        ("solution.py", "text/x-python", 'attachment; filename="solution.py"'),
        ("report.html", "text/html", 'inline; filename="report.html"'),
        ("ROC.PNG", "image/png", 'inline; filename="ROC.PNG"'),
        ("model", "application/octet-stream", 'attachment; filename="model"'),
        ('a"\r\nX: y.csv', "text/csv", "attachment; filename*=UTF-8''a%22%0D%0AX%3A%20y.csv"),
    ],
)
def test_type_and_disposition(name: str, media_type: str, disposition: str) -> None:
    assert content_type(name) == media_type
    assert headers_of(replace(SUBMISSION, name=name))["Content-Disposition"] == disposition


def test_a_file_may_run_nothing_and_fetch_nothing() -> None:
    policy = headers_of(SUBMISSION)["Content-Security-Policy"].split("; ")
    assert policy[:4] == ["sandbox", "default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"]


def test_only_our_own_page_may_frame_a_file() -> None:
    headers = headers_of(SUBMISSION)
    assert headers["Content-Security-Policy"].endswith("; frame-ancestors 'self'")
    assert headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize(
    ("if_none_match", "known"),
    [
        (None, False),
        ("", False),
        ('"ab"', True),
        ('W/"ab"', True),
        ('"x", "ab"', True),
        ("*", True),
        ('"x"', False),
        ("ab", False),
    ],
)
def test_who_has_the_file_already(if_none_match: str | None, known: bool) -> None:
    assert is_known(SUBMISSION, if_none_match) is known


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ("bytes=0-3", range(4)),
        ("bytes=4-", range(4, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-30", range(10)),
        ("bytes=8-99", range(8, 10)),
        (None, None),
        ("bytes=0-1,4-5", None),
        ("lines=0-3", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
    ],
)
def test_one_part_of_a_file_can_be_asked_for(given: str | None, part: range | None) -> None:
    assert part_of(10, given) == part


@pytest.mark.parametrize("given", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_bytes_that_are_not_there_are_an_error(given: str) -> None:
    with pytest.raises(RangeError):
        part_of(10, given)


def test_a_part_of_another_version_of_the_file_is_not_sent() -> None:
    assert is_current(SUBMISSION, None)
    assert is_current(SUBMISSION, f'"{SUBMISSION.sha256}"')
    assert not is_current(SUBMISSION, '"other"')
    assert not is_current(SUBMISSION, f'W/"{SUBMISSION.sha256}"')
