"""What an output folder takes, and that a look that failed is not taken for an empty folder."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from services.executor import disk
from services.executor.disk import VolumeSizes, folder_bytes, until_full, volume_sizes
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


async def test_it_is_full_at_the_first_look_that_shows_more_than_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(disk, "CHECK_S", 0.0)
    busy = SandboxError("not_measured", "a disk usage operation is already running", retryable=True)
    sandbox = Growing(5, busy, None, 10, 11, 99)
    async with asyncio.timeout(5):
        await until_full(sandbox, bytes_max=10)
    assert sandbox.looks == [99]
