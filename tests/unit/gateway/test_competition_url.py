"""Which addresses are those of a competition, and of which one."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.gateway.competition_url import SLUG_CHARS_MAX, Competition, UrlError, parse

TITANIC = Competition(slug="titanic", source="kaggle", url="https://www.kaggle.com/competitions/titanic")


@pytest.mark.parametrize(
    "text",
    [
        "https://www.kaggle.com/competitions/titanic",
        "https://www.kaggle.com/c/titanic",
        "https://kaggle.com/c/titanic/",
        "  https://WWW.Kaggle.COM/competitions/Titanic  ",
        "HTTPS://www.kaggle.com/competitions/titanic/overview/evaluation",
        "https://www.kaggle.com/c/titanic/data?select=train.csv#top",
        "https://www.kaggle.com/c/titanic?",
    ],
)
def test_every_way_to_write_one_competition(text: str) -> None:
    assert parse(text, local_allowed=False) == TITANIC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "titanic",
        "http://www.kaggle.com/c/titanic",
        "ftp://www.kaggle.com/c/titanic",
        "//www.kaggle.com/c/titanic",
        "https:www.kaggle.com/c/titanic",
        "https:///c/titanic",
        "https://kaggle.com.example.org/c/titanic",
        "https://example.org/c/titanic",
        "https://notkaggle.com/c/titanic",
        "https://m.kaggle.com/c/titanic",
        "https://www.kaggle.com./c/titanic",
        "https://user@www.kaggle.com/c/titanic",
        "https://www.kaggle.com@example.org/c/titanic",
        "https://www.kaggle.com:443/c/titanic",
        "https://www.kaggle.com:/c/titanic",
        "https://[::1/c/titanic",
        "https://www.kaggle.com\\@example.org/c/titanic",
        "https://www.kaggle.com/c/tita\tnic",
        "https://www.kaggle.com/c/tita\nnic",
        "https://www.kaggle.com/c/titanic\x00",
        "https://www.\u212aaggle.com/c/titanic",  # the Kelvin sign, which lowers to k
        "https://www.kaggle\uff0ecom/c/titanic",  # a full-width full stop
        "https://www.kaggle.com/c/t\u0456tanic",  # a Cyrillic i
        "https://www.kaggle.com/",
        "https://www.kaggle.com/c/",
        "https://www.kaggle.com/c//titanic",
        "https://www.kaggle.com/competitions",
        "https://www.kaggle.com/datasets/titanic",
        "https://www.kaggle.com/xc/titanic",
        "https://www.kaggle.com/c/..",
        "https://www.kaggle.com/c/titanic/../other",
        "https://www.kaggle.com/c/titanic/%2E%2e/other",
        "https://www.kaggle.com/c/titanic%2f..",
        "https://www.kaggle.com/c/-titanic",
        "https://www.kaggle.com/c/titanic-",
        "https://www.kaggle.com/c/tita--nic",
        "https://www.kaggle.com/c/tita_nic",
        "https://www.kaggle.com/c/tita nic",
        "https://www.kaggle.com/c/" + "a" * (SLUG_CHARS_MAX + 1),
        "https://www.kaggle.com/c/titanic?" + "a" * 3000,
        "local:titanic",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UrlError):
        parse(text, local_allowed=False)


def test_a_local_competition_where_the_operator_has_some() -> None:
    expected = Competition(slug="wine-scores", source="local", url="local:wine-scores")
    assert parse("local:Wine-Scores", local_allowed=True) == expected


@pytest.mark.parametrize(
    "text", ["local:", "local:../etc", "local:a/b", "local:.", "local:a%2fb", "local:a b"]
)
def test_a_local_name_is_no_path(text: str) -> None:
    with pytest.raises(UrlError):
        parse(text, local_allowed=True)


@given(st.text() | st.from_regex(r"https://(www\.)?kaggle\.com/(c|competitions)/[^/]{1,20}(/.*)?"))
@example("https://www.kaggle.com/c/titanic")
def test_whatever_is_accepted_has_one_plain_form(text: str) -> None:
    try:
        found = parse(text, local_allowed=True)
    except UrlError:
        return
    assert all(char.isascii() and (char.isdigit() or char.islower() or char == "-") for char in found.slug)
    assert found.slug in text.lower()
    assert parse(found.url, local_allowed=True) == found
