"""From what one job takes to what so many a day need: attempts at once, machines, storage, dollars.

Pure.  Requests are taken to come at any time, as many in one hour as in another but for the busiest, which
has `peak_ratio` times its share.  Source of the share that has to wait: A. K. Erlang's formula C (M/M/c),
by the recursion of his formula B.  Attempts are more even than it assumes, so that fewer wait.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Final

import msgspec

HOURS_A_MONTH: Final = 730.0
DAYS_A_MONTH: Final = HOURS_A_MONTH / 24
WAITING_SHARE_MAX: Final = 0.1
"""Of the attempts that come in the busiest hour, so many may have to wait for a place."""

_COPIES: Final = 1
"""Of the log, for other systems to read: see ADR 9."""

_DAYS_A_YEAR: Final = 365
_DAY_S: Final = 86_400
_GB: Final = 1e9


class JobCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a job takes, on average: `attempt_s` is how long one of its attempts holds its place.

    `log_bytes` are its events as NATS stores them, `artifact_bytes` its files, `row_bytes` its row in
    Postgres with all indexes, `model_dollars` what calls to a language model cost in all attempts.
    """

    attempts: float
    attempt_s: float
    events: float
    log_bytes: float
    artifact_bytes: float
    row_bytes: float
    model_dollars: float

    @property
    def place_hours(self) -> float:
        """How long it holds a place, in all attempts."""
        return self.attempts * self.attempt_s / 3600


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """What jobs run on, and what that costs: a place has `cpus`, a machine `slots` places.

    `service_cpus` are those of NATS, Postgres, Redis and the services, which stand beside the executors.
    `appends_per_s_max` and `projected_per_s_max` are how many events a second the log takes and one
    projector folds.
    """

    cpus: float
    memory_bytes: float
    slots: int
    replicas: int
    cpu_hour_dollars: float
    gb_month_dollars: float
    service_cpus: float
    appends_per_s_max: float
    projected_per_s_max: float


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed.  Peaks are of the busiest hour; storage is what a year adds, replicas included.

    `places` are attempts at once, `cpus` and `memory_bytes` those of all executors; `projector_share` and
    `log_share` are the parts that the peak takes of what one projector and one NATS can do.
    `compute_dollars_per_month` is for machines that stand all month, `storage_dollars_per_month` for what a
    year has stored.
    """

    jobs_per_day: float
    places_mean: float
    places: int
    executors: int
    cpus: float
    memory_bytes: float
    events_per_s_peak: float
    log_share: float
    projector_share: float
    nats_bytes_per_day: float
    nats_bytes_per_year: float
    postgres_bytes_per_day: float
    postgres_bytes_per_year: float
    model_dollars_per_month: float
    compute_dollars_per_month: float
    storage_dollars_per_month: float
    dollars_per_month: float
    dollars_per_job: float


class JobDollars(msgspec.Struct, frozen=True, kw_only=True):
    """What one job costs by what it uses: places by the hour, a year of storage, calls to a model."""

    model: float
    compute: float
    storage: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.model + self.compute + self.storage


def plan(cost: JobCost, site: Site, *, jobs_per_day: float, peak_ratio: float) -> Plan:
    """What `jobs_per_day` jobs need where the busiest hour has `peak_ratio` times the mean hour's."""
    places_mean = jobs_per_day * cost.place_hours / 24
    places = places_for(places_mean * peak_ratio)
    executors = math.ceil(places / site.slots)
    peak = jobs_per_day * cost.events * peak_ratio / _DAY_S
    nats = jobs_per_day * _nats_bytes(cost, site)
    rows = jobs_per_day * cost.row_bytes
    model = jobs_per_day * DAYS_A_MONTH * cost.model_dollars
    cpus = executors * site.slots * site.cpus
    compute = (cpus + site.service_cpus) * HOURS_A_MONTH * site.cpu_hour_dollars
    storage = (nats + rows) * _DAYS_A_YEAR / _GB * site.gb_month_dollars
    dollars = model + compute + storage
    return Plan(
        jobs_per_day=jobs_per_day,
        places_mean=places_mean,
        places=places,
        executors=executors,
        cpus=cpus,
        memory_bytes=executors * site.slots * site.memory_bytes,
        events_per_s_peak=peak,
        log_share=peak / site.appends_per_s_max,
        projector_share=peak / site.projected_per_s_max,
        nats_bytes_per_day=nats,
        nats_bytes_per_year=nats * _DAYS_A_YEAR,
        postgres_bytes_per_day=rows,
        postgres_bytes_per_year=rows * _DAYS_A_YEAR,
        model_dollars_per_month=model,
        compute_dollars_per_month=compute,
        storage_dollars_per_month=storage,
        dollars_per_month=dollars,
        dollars_per_job=dollars / (jobs_per_day * DAYS_A_MONTH),
    )


def job_dollars(cost: JobCost, site: Site) -> JobDollars:
    """What a job costs where nothing stands idle."""
    stored = _nats_bytes(cost, site) + cost.row_bytes
    return JobDollars(
        model=cost.model_dollars,
        compute=cost.place_hours * site.cpus * site.cpu_hour_dollars,
        storage=stored / _GB * site.gb_month_dollars * _DAYS_A_YEAR / DAYS_A_MONTH,
    )


def places_for(offered: float) -> int:
    """The fewest places with which at most `WAITING_SHARE_MAX` wait.

    `offered` is how many would be busy on average if none had to.
    """
    fewest = math.floor(offered) + 1
    enough = math.ceil(offered + 2 * math.sqrt(offered)) + 3
    return bisect_left(
        range(enough), 1, lo=fewest, key=lambda places: waiting_share(offered, places) <= WAITING_SHARE_MAX
    )


def waiting_share(offered: float, places: int) -> float:
    """The part of what comes that finds no place free, where `offered` < `places` are busy on average."""
    blocked = 1.0
    for count in range(1, places + 1):
        blocked = offered * blocked / (count + offered * blocked)
    idle = 1 - offered / places
    return blocked / (blocked + idle * (1 - blocked))


def _nats_bytes(cost: JobCost, site: Site) -> float:
    """The log with its copy for readers, and the files, on every replica."""
    return ((1 + _COPIES) * cost.log_bytes + cost.artifact_bytes) * site.replicas
