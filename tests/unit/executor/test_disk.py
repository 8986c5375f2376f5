"""What an output folder takes, and that a look that failed is not taken for an empty folder."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from services.executor import disk
from services.executor.disk import DiskUse, VolumeSizes, folder_bytes, volume_sizes
from services.executor.runtime import SandboxError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("volumes", "sizes"),
    [
        (
            [{"Name": "a", "UsageData": {"Size": 9}}, {"Name": "b", "UsageData": {"Size": 0}}],
            {"a": 9, "b": 0},
        ),
        ([{"Name": "a", "UsageData": {"Size": -1}}, {"Name": "b", "UsageData": None}], {}),
        (None, {}),
    ],
)
def test_the_engine_s_words_about_volumes(volumes: object, sizes: dict[str, int]) -> None:
    assert volume_sizes({"Volumes": volumes}) == sizes


async def test_all_who_wait_share_one_answer_and_none_gets_an_older_one() -> None:
    asked: list[int] = []

    async def answer() -> dict[str, int]:
        asked.append(len(asked))
        await asyncio.sleep(0.01)
        return {"a": len(asked), "b": 10 * len(asked)}

    sizes = VolumeSizes(answer)
    first = asyncio.create_task(sizes.of("a"))
    await asyncio.sleep(0)
    later = [asyncio.create_task(sizes.of(name)) for name in ("b", "a", "c")]
    assert await asyncio.gather(first, *later) == [1, 20, 2, None]
    assert await sizes.of("a") == 3
    assert len(asked) == 3


def test_a_folder_is_measured_by_what_it_takes_on_the_disk_and_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "whole").write_bytes(b"x" * 10_000)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**9)
    (tmp_path / "link").symlink_to("/")
    assert 10_000 <= folder_bytes(tmp_path) < 100_000


def test_a_folder_that_cannot_be_looked_into_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut" / "file").write_bytes(b"x" * 10_000)
    scandir = os.scandir

    def refusing(path: str) -> object:
        if path.endswith("/shut"):
            raise PermissionError(path)
        return scandir(path)

    # Root, as which tests may run, is refused nothing.
    monkeypatch.setattr(os, "scandir", refusing)
    assert folder_bytes(tmp_path) == 0
    with pytest.raises(PermissionError):
        folder_bytes(tmp_path, wholly=True)


class Growing:
    """A sandbox's folder as it is seen at each look."""

    def __init__(self, *looks: int | SandboxError | None) -> None:
        self.looks = list(looks)

    async def used_bytes(self) -> int | None:
        look = self.looks.pop(0)
        if isinstance(look, SandboxError):
            raise look
        return look


BUSY = SandboxError("not_measured", "a disk usage operation is already running", retryable=True)


async def test_it_is_full_at_the_first_look_that_shows_more_than_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(disk, "CHECK_S", 0.0)
    sandbox = Growing(5, BUSY, None, 10, 11, 99)
    async with asyncio.timeout(5):
        await DiskUse().until_full(sandbox, bytes_max=10)
    assert sandbox.looks == [99]


async def test_the_most_that_was_seen_is_kept_and_a_look_that_failed_is_no_look() -> None:
    use, sandbox, seen = DiskUse(), Growing(BUSY, None, 7, 9, BUSY, 3), []
    while sandbox.looks:
        await use.last_look(sandbox)
        seen.append(use.peak_bytes)
    assert seen == [None, None, 7, 9, 9, 9]


async def test_an_attempt_s_end_does_not_wait_for_a_look_that_never_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(disk, "LAST_LOOK_S", 0.01)

    class Stuck:
        async def used_bytes(self) -> int:
            await asyncio.Event().wait()
            raise AssertionError

    use = DiskUse()
    async with asyncio.timeout(5):
        await use.last_look(Stuck())
    assert use.peak_bytes is None
