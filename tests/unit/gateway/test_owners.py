"""Whose job is whose, while log and table come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from events.job import Job, fold
from events.log import UnavailableError
from services.gateway import owners
from services.gateway.caller import ANYONE, Caller
from services.gateway.jobs_table import TableError
from services.gateway.owners import Owners
from tests.history import recorded, requested

if TYPE_CHECKING:
    from events.catalogue import JobRequested

ANN, BOB = (Caller(key_id=name, scopes=("read",)) for name in ("ann", "bob"))
REQUEST = replace(requested("j"), owner="ann")


class Log:
    def __init__(self, *jobs: JobRequested) -> None:
        self.jobs = {job.job_id: job for job in jobs}
        self.is_away = False
        self.asked = 0

    async def request_of(self, job_id: str) -> JobRequested | None:
        self.asked += 1
        if self.is_away:
            raise UnavailableError("away")
        return self.jobs.get(job_id)


class Rows:
    def __init__(self, job: Job | None = None, *, is_away: bool = False) -> None:
        self.job = job
        self.is_away = is_away

    async def find(self, job_id: str) -> Job | None:
        if self.is_away:
            raise TableError("away")
        return self.job if self.job and self.job.job_id == job_id else None


async def test_a_job_is_there_for_its_owner_and_for_admins() -> None:
    found = Owners(Log(REQUEST, replace(requested("old"), owner=None)), Rows())
    assert [await found.shows("j", who) for who in (ANN, BOB, ANYONE)] == [True, False, True]
    assert [await found.shows("old", who) for who in (ANN, BOB, ANYONE)] == [False, False, True]
    assert not await found.shows("never", ANN)


async def test_what_is_known_is_not_asked_for_again_and_a_job_may_come_to_be() -> None:
    log = Log()
    found = Owners(log, Rows())
    assert not await found.shows("j", ANN)
    found.learn(recorded([REQUEST])[0])
    assert [await found.shows("j", who) for who in (ANN, BOB)] == [True, False]
    assert log.asked == 1


async def test_without_the_log_the_table_knows_and_without_both_nobody_is_told_a_lie() -> None:
    log = Log(REQUEST)
    log.is_away = True
    assert await Owners(log, Rows(fold(recorded([REQUEST])))).shows("j", ANN)
    assert not await Owners(log, Rows(fold(recorded([REQUEST])))).shows("j", BOB)
    for rows in (Rows(), Rows(is_away=True)):
        with pytest.raises(UnavailableError):
            await Owners(log, rows).shows("j", ANN)


async def test_the_oldest_are_forgotten_and_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "REMEMBERED", 1)
    log = Log(REQUEST, replace(requested("k"), owner="bob"))
    found = Owners(log, Rows())
    assert [await found.shows("j", ANN), await found.shows("k", BOB), await found.shows("j", ANN)] == [
        True
    ] * 3
    assert log.asked == 3


async def test_a_job_fits_what_it_was_asked_for() -> None:
    log = Log(replace(REQUEST, competition="titanic", tags=("x", "y")))
    found = Owners(log, Rows())

    async def fits(competition: str | None, tag: str | None, job_id: str = "j") -> bool:
        return await found.fits(job_id, competition=competition, tag=tag)

    assert [await fits("titanic", "y"), await fits(None, "x"), await fits("titanic", None)] == [True] * 3
    assert not any(
        [await fits("other", "y"), await fits("titanic", "z"), await fits("titanic", None, "never")]
    )
    assert await fits(None, None, "never"), "nothing is asked for that it lacks"
