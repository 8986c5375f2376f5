"""Artifacts: what a store's failures and a sandbox's refusals cost."""

from __future__ import annotations

from events.job import Failure
from services.executor.collection import LOG, collect
from services.executor.runtime import FileMissingError, FileRefusedError
from tests.unit.executor.stage import MemoryStore


class Files:
    """A sandbox that only has files; one of None is refused."""

    job_id, attempt = "j", 1

    def __init__(self, **files: bytes | None) -> None:
        self.files = {name.replace("_", "."): data for name, data in files.items()}
        self.limits: list[int] = []

    async def read(self, name: str, *, bytes_max: int) -> bytes:
        self.limits.append(bytes_max)
        if name not in self.files:
            raise FileMissingError(name)
        data = self.files[name]
        if data is None:
            raise FileRefusedError(name, "it is not a regular file")
        return data


async def test_a_store_that_recovers_costs_nothing() -> None:
    store = MemoryStore(failures=3)
    kept = await collect(Files(submission_csv=b"s"), store, ["submission.csv"], pause_s=0)
    assert isinstance(kept, tuple)
    assert store.files == {"j/1/submission.csv": b"s"}


async def test_a_store_that_stays_away_fails_the_attempt_for_another_try() -> None:
    failed = await collect(Files(submission_csv=b"s"), MemoryStore(failures=99), [], pause_s=0)
    assert isinstance(failed, Failure)
    assert (failed.reason, failed.retryable) == ("artifacts_not_stored", True)


async def test_other_files_may_be_missing_or_refused_but_not_the_submission() -> None:
    files = Files(submission_csv=b"s", bad_png=None, good_png=b"g")
    kept = await collect(files, MemoryStore(), ["absent.png", "bad.png", "good.png", "a/b"])
    assert isinstance(kept, tuple)
    assert [artifact.name for artifact in kept] == ["submission.csv", "good.png"]
    refused = await collect(Files(submission_csv=None), MemoryStore(), [])
    assert isinstance(refused, Failure)
    assert (refused.reason, refused.retryable) == ("artifact_refused", False)


async def test_the_log_is_kept_beside_the_files_and_no_file_takes_its_name() -> None:
    store = MemoryStore()
    kept = await collect(Files(submission_csv=b"s", log_txt=b"forged"), store, ["log.txt"], log=b"stdout a\n")
    assert isinstance(kept, tuple)
    assert [artifact.name for artifact in kept] == ["submission.csv", LOG]
    assert store.files[f"j/1/{LOG}"] == b"stdout a\n"


async def test_all_files_together_have_a_limit(monkeypatch) -> None:
    monkeypatch.setattr("services.executor.collection.ALL_BYTES_MAX", 10)
    files = Files(submission_csv=b"1234", a_png=b"5678")
    await collect(files, MemoryStore(), ["a.png", "b.png"])
    assert files.limits == [10, 6, 2]
