"""How the jobs are doing as a whole: what is asked of the table for it, and the shape of the answer."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from services.gateway.view_room import Room

if TYPE_CHECKING:
    from asyncpg import Record

_LIVE: Final = """
    SELECT count(*) FILTER (WHERE status = 'queued') AS queued,
           count(*) FILTER (WHERE status = 'running') AS running,
           count(*) FILTER (WHERE status = 'retrying') AS retrying,
           extract(epoch FROM $1::timestamptz - min(created_at) FILTER (WHERE status = 'queued'))::float8
               AS oldest_queued_s
    FROM {jobs} WHERE status IN ('queued', 'running', 'retrying')
"""
_ENDED: Final = """
    SELECT count(*) FILTER (WHERE status = 'success') AS success,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE completed_at > $1 - interval '1 hour') AS ended_last_hour
    FROM {jobs} WHERE completed_at > $1 - interval '24 hours'
"""
_WAITED: Final = """
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY waited_s) AS p50,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY waited_s) AS p95
    FROM (
        SELECT extract(epoch FROM started_at - created_at)::float8 AS waited_s
        FROM {jobs} WHERE started_at > $1 - interval '24 hours' AND {recent}
    ) AS first_starts
"""
_SPENT: Final = """
    SELECT coalesce(sum(dollars), 0) AS dollars FROM {jobs} WHERE dollars > 0
"""
_SPENT_LAST_DAY: Final = """
    SELECT coalesce(sum((held ->> 'dollars')::float8), 0) AS dollars_last_day
    FROM {jobs}, jsonb_array_elements(metadata -> 'attempts') AS held
    WHERE {recent} AND (held ->> 'started_at')::timestamptz > $1 - interval '24 hours'
"""
_RECENT: Final = "(completed_at IS NULL OR completed_at > $1 - interval '24 hours')"
"""Only of such a job can anything have begun in the last day; they are found by an index."""
_WHOLE: Final = (
    f"SELECT * FROM ({_LIVE}) AS live, ({_ENDED}) AS ended, ({_WAITED}) AS waited, ({_SPENT}) AS spent,"  # noqa: S608
    f" ({_SPENT_LAST_DAY}) AS spent_last_day"
)

BUSY: Final = _LIVE.format(jobs="jobs")
"""A `Busy`, as one row; $1 is now.  Quick at any number of jobs that have ended."""

ALL: Final = _WHOLE.format(jobs="jobs", recent=_RECENT)
"""Everything of a `Stats`, as one row and of one moment; $1 is now.

Reads what has happened in the last day, and of all other jobs what they cost, where they cost anything.
"""

OF_OWNER: Final = _WHOLE.format(jobs="(SELECT * FROM jobs WHERE owner = $2) AS jobs", recent=_RECENT)
"""The same over the jobs of an owner, $2."""


class Busy(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs wait and run, and how long the first of those that are queued has waited."""

    queued: int
    oldest_queued_s: float | None
    running: int
    retrying: int


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs ended, by how they did."""

    success: int
    failed: int
    cancelled: int


class Waited(msgspec.Struct, frozen=True, kw_only=True):
    """How long jobs waited from their request to their first start; None where none started."""

    p50_s: float | None
    p95_s: float | None


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs as a whole at a time, and the executors that are there for everybody's.

    `queued` jobs wait for a place, `retrying` ones for the time of their next attempt.  `ended` and
    `waited` are of the last 24 hours, `ended_per_hour` is their mean over these, `ended_last_hour` the
    count of the last one.  `dollars_last_day` is what those attempts cost that started in the last 24
    hours, `dollars` what all did.
    """

    time: datetime
    queued: int
    oldest_queued_s: float | None
    running: int
    retrying: int
    ended: Ended
    ended_last_hour: int
    ended_per_hour: float
    waited: Waited
    dollars_last_day: float
    dollars: float
    room: Room


def busy_of(row: Record) -> Busy:
    """The answer that a row of `BUSY` or `ALL` holds."""
    return Busy(**{name: row[name] for name in Busy.__struct_fields__})


def stats_of(row: Record, *, now: datetime, room: Room) -> Stats:
    """The answer that a row of `ALL` holds, which was asked for with the same time."""
    ended = Ended(success=row["success"], failed=row["failed"], cancelled=row["cancelled"])
    return Stats(
        time=now,
        queued=row["queued"],
        oldest_queued_s=row["oldest_queued_s"],
        running=row["running"],
        retrying=row["retrying"],
        ended=ended,
        ended_last_hour=row["ended_last_hour"],
        ended_per_hour=(ended.success + ended.failed + ended.cancelled) / 24,
        waited=Waited(p50_s=row["p50"], p95_s=row["p95"]),
        dollars_last_day=row["dollars_last_day"],
        dollars=row["dollars"],
        room=room,
    )
