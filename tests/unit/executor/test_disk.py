"""What an output folder takes, and that a look that failed is not taken for an empty folder."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from services.executor import disk
from services.executor.disk import folder_bytes, until_full, volume_in
from services.executor.runtime import SandboxError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("volumes", "size"),
    [
        ([{"Name": "other", "UsageData": {"Size": 9}}, {"Name": "mine", "UsageData": {"Size": 7}}], 7),
        ([{"Name": "mine", "UsageData": {"Size": -1}}], None),
        ([{"Name": "mine", "UsageData": None}], None),
        ([{"Name": "other", "UsageData": {"Size": 9}}], None),
        (None, None),
    ],
)
def test_the_engine_s_words_about_a_volume(volumes: object, size: int | None) -> None:
    assert volume_in({"Volumes": volumes}, "mine") == size


def test_a_folder_is_measured_by_what_it_takes_on_the_disk_and_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "whole").write_bytes(b"x" * 10_000)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**9)
    (tmp_path / "link").symlink_to("/")
    assert 10_000 <= folder_bytes(tmp_path) < 100_000


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
