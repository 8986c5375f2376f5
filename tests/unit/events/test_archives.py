"""Files of events: plain or compressed they read the same, and what is not whole says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import zstandard

from events.archives import BrokenArchiveError, check_digest, digest_file, digest_of, lines_in

if TYPE_CHECKING:
    from pathlib import Path

LINES = [b'{"line":%d,"words":"%s"}\n' % (number, b"x" * (number % 90)) for number in range(30_000)]


def compressed(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def test_plain_and_compressed_read_the_same(tmp_path: Path) -> None:
    whole = b"".join(LINES)
    half = len(LINES) // 2
    forms = {
        "plain": whole,
        "compressed": compressed(whole),
        "two frames": compressed(b"".join(LINES[:half])) + compressed(b"".join(LINES[half:])),
        "no newline at the end": compressed(whole[:-1]),
    }
    for name, data in forms.items():
        (tmp_path / name).write_bytes(data)
        assert [line.rstrip() for line in lines_in(tmp_path / name)] == [line.rstrip() for line in LINES], (
            name
        )
    (tmp_path / "empty").write_bytes(b"")
    assert list(lines_in(tmp_path / "empty")) == []


@pytest.mark.parametrize(
    ("end", "words"), [(-1, "was cut off"), (-300, "was cut off"), (20, "was cut off"), (None, "is damaged")]
)
def test_a_compressed_file_that_is_not_whole_says_so(tmp_path: Path, end: int | None, words: str) -> None:
    data = bytearray(compressed(b"".join(LINES)))
    if end is None:
        data[len(data) // 2] ^= 1
    path = tmp_path / "a.zst"
    path.write_bytes(data[:end])
    with pytest.raises(BrokenArchiveError, match=words):
        list(lines_in(path))


def test_the_digest_beside_a_file_counts(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    check_digest(path)
    digest_file(path).write_text(f"{digest_of(path)}  a\n")
    check_digest(path)
    path.write_bytes(b"2")
    with pytest.raises(BrokenArchiveError, match=r"a\.sha256 holds another digest"):
        check_digest(path)
