"""What an archive may do to the data folder, and what it may not."""

from __future__ import annotations

import io
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

from agent.errors import CompetitionError
from agent.sources.archives import ArchiveLimits, unpack

if TYPE_CHECKING:
    from pathlib import Path


def zip_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return buffer.getvalue()


def placed(folder: Path, body: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    archive = folder / "all.zip"
    archive.write_bytes(body)
    return archive


def refused(archive: Path, limits: ArchiveLimits | None = None) -> CompetitionError:
    with pytest.raises(CompetitionError) as caught:
        unpack(archive, limits or ArchiveLimits())
    return caught.value


def test_unpacks_nested_archives_in_place_and_leaves_no_archive(tmp_path: Path) -> None:
    inner = zip_of({"test.csv": b"id\n1\n", "__MACOSX/._test.csv": b"x"})
    archive = placed(
        tmp_path / "d", zip_of({"train.csv": b"id,y\n0,1\n", "more/test.csv.zip": inner, "e/": b""})
    )
    written = unpack(archive, ArchiveLimits())
    assert [path.relative_to(tmp_path / "d").as_posix() for path in written] == ["more/test.csv", "train.csv"]
    assert sorted(path.name for path in (tmp_path / "d").rglob("*") if path.is_file()) == [
        "test.csv",
        "train.csv",
    ]
    assert (tmp_path / "d/more/test.csv").read_bytes() == b"id\n1\n"


def test_two_archives_with_the_same_names_do_not_overwrite_each_other(tmp_path: Path) -> None:
    both = {"train.zip": zip_of({"0.csv": b"train"}), "test.zip": zip_of({"0.csv": b"test"})}
    written = unpack(placed(tmp_path / "d", zip_of(both)), ArchiveLimits())
    assert {path.read_bytes() for path in written} == {b"train", b"test"}


@pytest.mark.parametrize(
    "name", ["../evil.csv", "a/../../evil.csv", "/evil.csv", "C:/evil.csv", "..\\evil.csv"]
)
def test_refuses_a_member_that_would_land_outside_before_it_writes_anything(
    tmp_path: Path, name: str
) -> None:
    archive = placed(tmp_path / "d", zip_of({"good.csv": b"1", name: b"evil"}))
    assert refused(archive).reason == "archive_refused"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["all.zip"]


def test_refuses_a_symlink(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("train.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    error = refused(placed(tmp_path / "d", buffer.getvalue()))
    assert error.reason == "archive_refused"
    assert "link" in error.message


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (ArchiveLimits(bytes_max=999), "bytes"),
        (ArchiveLimits(ratio_max=20, ratio_from_bytes=500), "bomb"),
        (ArchiveLimits(members_max=2), "files"),
        (ArchiveLimits(depth_max=1), "nested"),
    ],
)
def test_each_limit_stops_a_bomb(tmp_path: Path, limits: ArchiveLimits, word: str) -> None:
    bomb = zip_of({"a.csv": b"0" * 1000, "b.csv": b"", "c.zip": zip_of({"d.csv": b"1"})})
    error = refused(placed(tmp_path / "d", bomb), limits)
    assert error.reason == "archive_refused"
    assert word in error.message


def test_a_bomb_that_lies_about_its_size_is_counted_by_what_comes_out(tmp_path: Path) -> None:
    body = zip_of({"a.csv": b"0" * 1_000_000})
    sizes = (1_000_000).to_bytes(4, "little")
    lying = body.replace(sizes, (10).to_bytes(4, "little"))
    assert lying != body
    archive = placed(tmp_path / "d", lying)
    assert refused(archive, ArchiveLimits(bytes_max=100_000)).reason in {"archive_refused", "archive_damaged"}
    assert sum(path.stat().st_size for path in (tmp_path / "d").iterdir()) < 200_000


@pytest.mark.parametrize("cut", [20, 200])
def test_a_cut_archive_may_be_whole_in_another_attempt(tmp_path: Path, cut: int) -> None:
    body = zip_of({"train.csv": bytes(range(256)) * 20})
    error = refused(placed(tmp_path / "d", body[:-cut]))
    assert (error.reason, error.retryable) == ("archive_damaged", True)


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    body = zip_of({"aa.csv": b"1", "ab.csv": b"2"}).replace(b"ab.csv", b"aa.csv")
    assert refused(placed(tmp_path / "d", body)).reason == "archive_refused"
