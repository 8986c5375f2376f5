"""Chunks into lines whatever the cuts, and nothing unprintable or secret into a log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.executor.lines import LineSplitter, printable


def split(chunks: list[bytes], bytes_max: int) -> list[bytes]:
    splitter = LineSplitter(bytes_max)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    return lines + splitter.flush()


@given(st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"x", b"\n"))), st.integers(1, 30))
def test_lines_do_not_depend_on_how_the_chunks_were_cut(chunks: list[bytes], bytes_max: int) -> None:
    whole = b"".join(chunks).split(b"\n")
    if not whole[-1]:
        whole.pop()
    assert split(chunks, bytes_max) == [line[:bytes_max] for line in whole]


def test_a_line_without_end_is_not_kept() -> None:
    splitter = LineSplitter(4)
    for _ in range(1000):
        assert splitter.feed(b"abcdefgh") == []
    assert splitter.feed(b"\nnext\n") == [b"abcd", b"next"]


def test_what_is_logged_is_printable_short_and_keeps_secrets() -> None:
    text = "\x1b[31mred\x1b[0m\r\n key=s3cret \u202egnp\x07\x9b"
    assert printable(text, chars_max=100, secrets=("s3cret",)) == "red key=[secret] gnp"
    assert printable("é" * 50, chars_max=10) == "é" * 9 + "…"
    assert printable("\x1b]0;title\x07ok", chars_max=10) == "ok"
    assert printable("\x00\x01", chars_max=10) == ""


@given(st.text(), st.integers(1, 20))
def test_nothing_unprintable_or_long_gets_through(text: str, chars_max: int) -> None:
    shown = printable(text, chars_max=chars_max)
    assert len(shown) <= chars_max
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in shown)
