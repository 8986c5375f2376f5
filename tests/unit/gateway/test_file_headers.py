"""What a browser is told of a file that generated code has made."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.gateway.file_headers import content_type, headers_of, is_known
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
