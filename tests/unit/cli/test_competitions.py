from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.competitions import BUNDLED, place, place_bundled, slug_of
from cli.embedded.home import Home
from podium.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def placed(home: Home, slug: str) -> set[str]:
    folder = home.competitions / slug
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "names",
    [
        ("public/train.csv", "public/images/1.png", "private/test.csv", "meta.json"),
        ("prepared/public/train.csv", "prepared/public/images/1.png", "prepared/private/test.csv"),
        ("train.csv", "images/1.png", "private/test.csv", ".git/config"),
    ],
    ids=["mle-bench", "mle-bench's cache", "flat"],
)
def test_only_what_a_competitor_may_see_is_copied(tmp_path: Path, names: tuple[str, ...]):
    home = Home(tmp_path / "home")
    assert place(make(tmp_path / "My_Data 2", *names), home) == "my-data-2"
    assert placed(home, "my-data-2") == {"public/train.csv", "public/images/1.png"}


def test_a_folder_placed_again_is_as_it_is_now(tmp_path: Path):
    home, folder = Home(tmp_path / "home"), tmp_path / "mine"
    place(make(folder, "train.csv", "old.csv"), home)
    (folder / "old.csv").unlink()
    (folder / "train.csv").write_text("new")
    place(folder, home)
    assert placed(home, "mine") == {"public/train.csv"}
    assert (home.competitions / "mine" / "public" / "train.csv").read_text() == "new"


def test_the_public_part_alone_is_named_after_its_competition(tmp_path: Path):
    make(tmp_path / "mine", "public/train.csv")
    assert place(tmp_path / "mine" / "public", Home(tmp_path / "home")) == "mine"


def test_what_is_no_competition_is_refused(tmp_path: Path):
    home = Home(tmp_path / "home")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no files"):
        place(tmp_path / "empty", home)
    with pytest.raises(UsageError, match="is not a folder"):
        place(make(tmp_path, "train.csv") / "train.csv", home)
    with pytest.raises(UsageError, match="gives no name"):
        slug_of("---")


def test_the_answers_of_bundled_competitions_stay_where_they_are(tmp_path: Path):
    home = Home(tmp_path)
    place_bundled(home)
    slugs = {path.parent.name for path in BUNDLED.glob("*/meta.json")}
    assert slugs
    for slug in slugs:
        files = placed(home, slug)
        assert {"public/train.csv", "public/test.csv"} <= files
        assert all(name.startswith("public/") for name in files)
