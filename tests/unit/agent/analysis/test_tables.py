"""Every way of writing the same small table gives the same table."""

from __future__ import annotations

import contextlib
import gzip
import zipfile

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.analysis.tables import read_table, read_text, sniff, typed
from agent.brief import Dialect, TableFile
from agent.errors import FilesError

ROWS = [("Köln", 1.5, 7), ("Zürich, West", -20.25, 8), ("São Paulo", 3.0, 9)]
TABLE = pl.DataFrame(ROWS, schema=["city", "rate", "count"], orient="row")


def written(delimiter=",", *, decimal=".", quote=True):
    lines = [delimiter.join(("city", "rate", "count"))]
    for city, rate, count in ROWS:
        name = f'"{city}"' if quote and delimiter in city else city
        lines.append(delimiter.join((name, str(rate).replace(".", decimal), str(count))))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "encoding", "dialect"),
    [
        (written(), "utf-8", Dialect()),
        (written(), "utf-8-sig", Dialect(encoding="utf-8-sig")),
        (written(), "utf-16", Dialect(encoding="utf-16")),
        (written("\t"), "utf-8", Dialect(delimiter="\t")),
        (written("|"), "utf-8", Dialect(delimiter="|")),
        (written(";").replace("\n", "\r\n"), "utf-8", Dialect(delimiter=";")),
        (
            written(";", decimal=","),
            "latin-1",
            Dialect(delimiter=";", encoding="cp1252", decimal_comma=True),
        ),
    ],
)
def test_a_table_is_read_however_it_is_written(tmp_path, text, encoding, dialect):
    path = tmp_path / "train.csv"
    path.write_bytes(text.encode(encoding))
    assert sniff(path) == dialect
    assert read_table(path, dialect).equals(TABLE)


def test_packed_tables_are_read(tmp_path):
    with gzip.open(tmp_path / "train.csv.gz", "wt", encoding="utf-8") as file:
        file.write(written())
    with zipfile.ZipFile(tmp_path / "train.zip", "w") as archive:
        archive.writestr("train.csv", written())
    for name in ("train.csv.gz", "train.zip"):
        assert read_table(tmp_path / name, sniff(tmp_path / name)).equals(TABLE)


def test_text_keeps_words_that_look_like_nothing(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('id,label,zip\n1,NA,007\n2,,010\n3,None,1.0\n4,"",x\n')
    frame = read_table(path, sniff(path), text=True)
    assert frame["label"].to_list() == ["NA", None, "None", None]
    assert frame["zip"].to_list() == ["007", "010", "1.0", "x"]


def test_blanks_among_numbers_are_null_and_among_words_are_words(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("charge,alley,flag,score\n1.5,NA,True,1\n ,Grvl,FALSE,?\n2,Pave,,nan\n")
    frame = read_table(path, sniff(path))
    assert frame["charge"].to_list() == [1.5, None, 2.0]
    assert frame["alley"].to_list() == ["NA", "Grvl", "Pave"]
    assert frame["flag"].to_list() == [True, False, None]
    assert frame["score"].to_list() == [1, None, None]


def test_line_breaks_in_quotes_and_blank_lines(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('id,text\n1,"a\nb; c; d"\n\n2,"say ""hi"""\n\n')
    assert read_table(path, sniff(path)).rows() == [(1, "a\nb; c; d"), (2, 'say "hi"')]


def test_rows_stand_at_the_same_place_whatever_was_picked(tmp_path):
    path = tmp_path / "train[1].csv"
    path.write_text("id,y,z\n1,5,5\n2,,\n\n3,6,6\n")
    table = TableFile(path=path.name, dialect=sniff(path), rows=3, columns=("id", "y", "z"))
    for names in (["y"], ["y", "z"]):
        picked = read_text(tmp_path, table, columns=names)
        assert picked["y"].to_list() == ["5", None, "6"]


def test_a_lone_column_is_comma_separated(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("text\nhello; world\nbye\n")
    assert sniff(path).delimiter == ","
    assert read_table(path, sniff(path)).height == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "table_empty"),
        (b"\n \n", "table_empty"),
        (b"PK\x03\x04\x00\x00\x00\x00", "table_unreadable"),
        (b"a,b\n1,2\n1,2,3,4\n", "table_unreadable"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, content, reason):
    path = tmp_path / "train.csv"
    path.write_bytes(content)
    with pytest.raises(FilesError) as caught:
        read_table(path, sniff(path))
    assert caught.value.reason == reason
    assert "train.csv" in caught.value.message
    assert not caught.value.retryable


@given(st.lists(st.one_of(st.none(), st.integers(-(2**62), 2**62)), min_size=1).filter(any))
def test_whole_numbers_with_stray_blanks_survive(numbers):
    words = pl.Series("n", [" " if n is None else f" {n} " for n in numbers])
    assert typed(words, Dialect()).to_list() == numbers


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])), min_size=1))
def test_words_come_back_as_they_went(tmp_path_factory, words):
    path = tmp_path_factory.mktemp("t") / "t.csv"
    frame = pl.DataFrame({"id": range(len(words)), "word": words})
    frame.write_csv(path, quote_style="always")
    found = read_table(path, Dialect(), text=True)["word"]
    assert found.to_list() == [word or None for word in words]


@given(st.binary(min_size=1))
def test_any_bytes_are_a_table_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_bytes(content)
    with contextlib.suppress(FilesError):
        dialect = sniff(path)
        read_table(path, dialect)
        read_table(path, dialect, text=True)
