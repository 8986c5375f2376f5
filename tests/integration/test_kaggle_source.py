"""Fetching a competition through the real Kaggle client, from a server that speaks Kaggle's protocol."""

from __future__ import annotations

import io
import shutil
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from agent.errors import CompetitionError
from agent.sources.kaggle_client import KaggleSettings, kaggle_settings
from agent.sources.kaggle_source import KaggleInfo, RemoteFile, check_room, fetch
from tests.fakes.kaggle_server import Faults, KaggleServer

if TYPE_CHECKING:
    from pathlib import Path

TRAIN = b"id,x,y\n" + b"".join(b"%d,%d,%d\n" % (i, i * i, i % 2) for i in range(80_000))
FILES = {"train.csv": TRAIN, "test.csv": b"id,x\n1,2\n", "extra/notes.txt": b"hello"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, body in FILES.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    (tmp_path / "root/description.md").write_text("Predict *y*.\n\nScored by AUC.\n")
    return tmp_path / "root"


class Job:
    """One fetch: its folder, what it reported, how long it slept."""

    def __init__(self, server: KaggleServer, folder: Path, competition: str = "toy") -> None:
        self.server = server
        self.competition = competition
        self.data_dir = folder
        self.told: list[tuple[float, str]] = []
        self.slept_s: list[float] = []

    def fetch(self, **changes: Any) -> KaggleInfo:
        values: dict[str, Any] = {
            "username": "someone",
            "key": "a-key",
            "endpoint": self.server.url,
            "timeout_s": 5.0,
        }
        return fetch(
            self.competition,
            self.data_dir,
            progress=lambda fraction, message: self.told.append((fraction, message)),
            settings=KaggleSettings(**(values | changes)),
            sleep=self.slept_s.append,
        )

    def refused(self, **changes: Any) -> CompetitionError:
        with pytest.raises(CompetitionError) as caught:
            self.fetch(**changes)
        assert not self.files()
        return caught.value

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.data_dir.rglob("*") if path.is_file())
        return {path.relative_to(self.data_dir).as_posix(): path.read_bytes() for path in found}


def downloads(server: KaggleServer) -> list[str | None]:
    """The Range of each request for train.csv's bytes."""
    return [asked.range for asked in server.requests if asked.method == "GET" and "train.csv" in asked.path]


def test_fetches_every_file_and_the_words(root: Path, tmp_path: Path) -> None:
    with KaggleServer(root, slug="toy", title="Toy", metric="AUC", page_files=2) as server:
        job = Job(server, tmp_path / "data")
        info = job.fetch()
    text = "# Toy\n\n## Description\n\nPredict *y*.\n\nScored by AUC.\n"
    assert job.files() == FILES | {"description.md": text.encode()}
    assert info == KaggleInfo(
        title="Toy", evaluation_metric="AUC", description=text, url="https://www.kaggle.com/competitions/toy"
    )


def test_progress_counts_bytes_and_never_falls(root: Path, tmp_path: Path) -> None:
    with KaggleServer(root, slug="toy") as server:
        job = Job(server, tmp_path / "data")
        job.fetch()
    fractions = [fraction for fraction, _ in job.told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert any(0.1 < fraction < 0.9 for fraction in fractions)
    assert f"train.csv 0.3 of {len(TRAIN) / 1e6:.1f} MB" in [message for _, message in job.told]


def test_a_table_that_is_served_compressed_is_unpacked(root: Path, tmp_path: Path) -> None:
    with KaggleServer(root, slug="toy", zipped=frozenset({"train.csv"})) as server:
        job = Job(server, tmp_path / "data")
        job.fetch()
    assert job.files()["train.csv"] == TRAIN
    assert "train.csv.zip" not in job.files()


def test_many_files_come_as_one_archive(root: Path, tmp_path: Path) -> None:
    for number in range(30):
        (root / f"part{number}.csv").write_bytes(b"a\n%d\n" % number)
    with KaggleServer(root, slug="toy") as server:
        job = Job(server, tmp_path / "data")
        job.fetch()
        assert [asked.path for asked in server.requests if asked.method == "GET"] == ["/signed/toy.zip"]
    assert len(job.files()) == len(FILES) + 30 + 1
    assert job.files()["extra/notes.txt"] == b"hello"


@pytest.mark.parametrize(
    ("faults", "second"),
    [
        (Faults(), "bytes=262144-"),  # whole pieces count
        (Faults(ranges=False), None),
        (Faults(changed_after_cut=True), "bytes=262144-"),
    ],
)
def test_a_cut_download_is_whole_in_the_end(
    root: Path, tmp_path: Path, faults: Faults, second: str | None
) -> None:
    shutil.rmtree(root / "extra")
    (root / "test.csv").unlink()
    faults.cut_at = [300_000]
    with KaggleServer(root, slug="toy", faults=faults) as server:
        job = Job(server, tmp_path / "data")
        job.fetch()
        assert downloads(server) == [None, second]
    served = TRAIN.replace(b"1", b"2") if faults.changed_after_cut else TRAIN
    assert job.files()["train.csv"] == served
    assert len(job.slept_s) == 1


def test_rules_not_accepted_names_the_page_and_does_not_try_again(root: Path, tmp_path: Path) -> None:
    with KaggleServer(root, slug="toy", faults=Faults(rules_accepted=False)) as server:
        job = Job(server, tmp_path / "data")
        error = job.refused()
    assert (error.reason, error.retryable) == ("rules_not_accepted", False)
    assert "https://www.kaggle.com/competitions/toy/rules" in error.message
    assert job.slept_s == []


@pytest.mark.parametrize("missing", [{"key": None}, {"username": None}, {"key": ""}])
def test_missing_credentials_ask_kaggle_nothing(root: Path, tmp_path: Path, missing: dict[str, Any]) -> None:
    with KaggleServer(root, slug="toy") as server:
        assert Job(server, tmp_path / "data").refused(**missing).reason == "kaggle_credentials_missing"
        assert server.requests == []


def test_a_wrong_key_is_refused_and_not_shown(root: Path, tmp_path: Path) -> None:
    with KaggleServer(root, slug="toy") as server:
        error = Job(server, tmp_path / "data").refused(key="wr0ng")
    assert (error.reason, error.retryable) == ("kaggle_credentials_refused", False)
    assert "wr0ng" not in str(error)


def test_a_forbidden_account_is_not_a_matter_of_rules(root: Path, tmp_path: Path) -> None:
    with KaggleServer(root, slug="toy", faults=Faults(always=403)) as server:
        assert Job(server, tmp_path / "data").refused().reason == "kaggle_credentials_refused"


def test_an_unknown_competition(root: Path, tmp_path: Path) -> None:
    with KaggleServer(root, slug="toy") as server:
        error = Job(server, tmp_path / "data", competition="no-such").refused()
    assert (error.reason, error.retryable) == ("competition_not_found", False)


def test_a_competition_for_notebooks_only(root: Path, tmp_path: Path) -> None:
    with KaggleServer(root, slug="toy", kernels_only=True) as server:
        assert Job(server, tmp_path / "data").refused().reason == "kernels_only"


def test_too_much_data_is_refused_before_a_byte_is_fetched(root: Path, tmp_path: Path) -> None:
    with KaggleServer(root, slug="toy") as server:
        assert Job(server, tmp_path / "data").refused(bytes_max=1000).reason == "competition_too_large"
        assert not [asked for asked in server.requests if asked.method == "GET"]


def test_a_full_disk_may_have_room_later() -> None:
    files = (RemoteFile(name="train.csv", size_bytes=10**9),)
    check_room(files, bytes_max=10**9, free_bytes=3 * 10**9)
    with pytest.raises(CompetitionError) as caught:
        check_room(files, bytes_max=10**9, free_bytes=2 * 10**9)
    assert (caught.value.reason, caught.value.retryable) == ("disk_full", True)


def test_waits_as_long_as_kaggle_asks_then_succeeds(root: Path, tmp_path: Path) -> None:
    with KaggleServer(root, slug="toy", faults=Faults(answers=[(429, 7), (503, None)])) as server:
        job = Job(server, tmp_path / "data")
        job.fetch()
    assert job.slept_s == [7.0, 2.0]
    assert job.files()["train.csv"] == TRAIN


def test_leaves_a_long_wait_to_another_attempt(root: Path, tmp_path: Path) -> None:
    with KaggleServer(root, slug="toy", faults=Faults(answers=[(429, 3600)])) as server:
        job = Job(server, tmp_path / "data")
        error = job.refused()
    assert (error.reason, error.retryable, job.slept_s) == ("kaggle_unavailable", True, [])


def test_gives_up_on_a_server_that_only_fails(root: Path, tmp_path: Path) -> None:
    with KaggleServer(root, slug="toy", faults=Faults(always=500)) as server:
        job = Job(server, tmp_path / "data")
        error = job.refused(tries=3)
        assert len(server.requests) == 3
    assert (error.reason, error.retryable) == ("kaggle_unavailable", True)


def test_no_server_at_all(root: Path, tmp_path: Path) -> None:
    with KaggleServer(root, slug="toy") as server:
        job = Job(server, tmp_path / "data")
    error = job.refused(tries=2)
    assert (error.reason, error.retryable) == ("kaggle_unavailable", True)


def test_an_archive_that_climbs_out_of_the_folder_leaves_nothing(root: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../evil.csv", "1")
    (root / "more.zip").write_bytes(buffer.getvalue())
    with KaggleServer(root, slug="toy") as server:
        assert Job(server, tmp_path / "data").refused().reason == "archive_refused"
    assert not list(tmp_path.rglob("evil.csv"))


def test_settings_hide_the_key_and_say_what_is_wrong() -> None:
    settings = kaggle_settings({"KAGGLE_USERNAME": "me", "KAGGLE_KEY": "s3cret", "KAGGLE_API_ENDPOINT": ""})
    assert "s3cret" not in repr(settings)
    assert (settings.username, settings.key, settings.endpoint) == ("me", "s3cret", None)
    with pytest.raises(CompetitionError, match="PODIUM_DATA_BYTES_MAX"):
        kaggle_settings({"PODIUM_DATA_BYTES_MAX": "10GB"})
