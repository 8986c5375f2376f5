"""LightGBM's missing library is lent where a wheel brought one, and only there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.executor.openmp import library_folder

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_machine_without_the_library_gets_the_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctypes.util.find_library", lambda _: None)
    bundles = tmp_path / "bundles"
    bundles.mkdir()
    (bundles / "libgomp-e985bcbb.so.1.0.0").write_bytes(b"elf")
    for _ in range(2):
        folder = library_folder(tmp_path / "work", bundles=bundles)
        assert folder is not None
        assert [path.name for path in folder.iterdir()] == ["libgomp.so.1"]
        assert (folder / "libgomp.so.1").read_bytes() == b"elf"


def test_nothing_is_lent_where_there_is_one_or_none_to_lend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctypes.util.find_library", lambda _: None)
    assert library_folder(tmp_path, bundles=tmp_path) is None
    monkeypatch.setattr("ctypes.util.find_library", lambda _: "libgomp.so.1")
    (tmp_path / "libgomp-1.so").touch()
    assert library_folder(tmp_path, bundles=tmp_path) is None
